package channel_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"grpcbench/internal/channel"
)

// An alert of TLS is shorter than the head of a frame. It ends the attempt nonetheless, where
// grpc-go would wait for more of it until the timeout.
func TestAnAlertOfTLSIsNotWaitedOutInPlaintext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := channel.Open(t.Context(), channel.Options{Address: "127.0.0.1:1", Timeout: time.Minute,
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					go func() { _, _ = io.Copy(io.Discard, theirs) }()
					_, _ = theirs.Write([]byte("\x15\x03\x01\x00\x02\x02\x46"))
				}()
				return ours, nil
			}})
		if took := time.Since(start); err == nil || !strings.Contains(err.Error(), "use --tls 1.2 or 1.3") || took >= time.Minute {
			t.Errorf("after %v error %v, want one before the timeout that names --tls", took, err)
		}
	})
}
