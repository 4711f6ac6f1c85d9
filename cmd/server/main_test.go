package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestExitCodesTellAMistakeFromAFailure(t *testing.T) {
	t.Chdir(t.TempDir()) // no server.crt
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name   string
		ctx    context.Context
		args   []string
		code   int
		stdout string // prefix
		stderr string // prefix
	}{
		{"stopped", ended, []string{"--tls", "off", "--listen", "127.0.0.1:0"}, 0, "127.0.0.1:", "listening on 127.0.0.1:"},
		{"help", t.Context(), []string{"--help"}, 0, "Serve the methods", ""},
		{"no certificate", t.Context(), nil, 1, "", "grpc-bench-server: certificate server.crt: "},
		{"nonsense", t.Context(), []string{"--tls", "2"}, 2, "", `grpc-bench-server: --tls "2": must be`},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		code := run(tt.ctx, tt.args, &stdout, &stderr)
		if code != tt.code || !strings.HasPrefix(stdout.String(), tt.stdout) || !strings.HasPrefix(stderr.String(), tt.stderr) {
			t.Errorf("%s: exit %d, want %d; stdout %q, stderr %q", tt.name, code, tt.code, &stdout, &stderr)
		}
		if tt.stderr == "" && stderr.Len() > 0 || tt.stdout == "" && stdout.Len() > 0 {
			t.Errorf("%s: stdout %q, stderr %q", tt.name, &stdout, &stderr)
		}
	}
}
