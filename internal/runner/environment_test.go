package runner

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/mask"
)

func TestAChildInheritsNoVariableThatMayHoldASecret(t *testing.T) {
	got := environment([]string{"GOMAXPROCS=2", "TOKEN=secret", "AWS_SECRET_ACCESS_KEY=secret", "PATH=/bin", "HTTPS_PROXY=http://u:secret@p",
		"SSLKEYLOGFILE=keys", "GOPROXY=https://u:secret@p", "SSL_CERT_FILE=ca.crt", "GODEBUG=", "NOTHING"})
	if diff := cmp.Diff([]string{"GOMAXPROCS=2", "PATH=/bin", "SSL_CERT_FILE=ca.crt", "GODEBUG="}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheLastWordsOfAChildHoldNoSecret(t *testing.T) {
	p := &process{secrets: mask.New("Bearer tok-4711-secret")}
	if got := p.note(); got != "" {
		t.Errorf("%q of a child that said nothing", got)
	}
	for _, words := range []string{"panic: denied: Bearer tok-", "4711-secret\x1b[2J\n\ngoroutine 1 [running]:\n"} {
		if _, err := p.stderr.Write([]byte(words)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := p.note(), ": panic: denied: «masked»\ufffd[2J  goroutine 1 [running]:"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
