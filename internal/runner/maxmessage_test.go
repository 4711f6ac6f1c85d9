package runner_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// mirroring answers every method with the request's own bytes, of up to 16 MiB.
func mirroring(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(16<<20), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var m emptypb.Empty // its unknown fields are the message
		if err := stream.RecvMsg(&m); err != nil {
			return err
		}
		return stream.SendMsg(&m)
	}))
	go func() { _ = server.Serve(l) }() // until it is stopped
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

// A message above 4 MiB is measured with --max-message, and without it names the flag.
func TestMessagesUpToTheLimitThatIsAskedForAreTaken(t *testing.T) {
	lane.Long(t, "starts processes")
	const size = 5 << 20
	write := func(name string, message []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, message, 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + path
	}
	// Field 1 of 5 MiB; and of what fits when it is sent, but not with the field's own bytes.
	big := write("big", append([]byte("\x0a\x80\x80\xc0\x02"), make([]byte, size)...))
	args := []string{"--tls", "off", "--method", "/p.S/M", "--loop", "closed", "--concurrency", "1", "--connections", "1", mirroring(t)}
	eachEngine(t, func(t *testing.T, engine string) {
		p := planOf(t, append([]string{"--engine", engine, "--max-message", "8MiB", "--request", big}, args...)...)
		a := measure(t, t.Context(), p, runner.Options{}).Arms[0]
		if l := a.LedgerTotal; l.OK == 0 || l.OK != l.Started {
			t.Errorf("ledger %+v, want every RPC ok", l)
		}
		if got := a.Observed.ResponseBytes; got == nil || *got != size+5 {
			t.Errorf("response of %v bytes, want %d", got, size+5)
		}
	})
}

// A response above the limit names it and the flag, in both engines alike.
func TestAResponseAboveTheLimitNamesTheFlag(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		answer := answering(t, 5<<20)
		err := refusal(t, engine, []string{"--tls", "off", "--method", "/p.S/M", answer})
		for _, want := range []string{"RESOURCE_EXHAUSTED", "--max-message", "vs. 4194304"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q, want %q", err, want)
			}
		}
	})
}

// answering answers every method with a message of that many bytes.
func answering(t *testing.T, bytes int) (address string) {
	t.Helper()
	s := newTarget(t, nil)
	s.answer = append([]byte("\x0a\x80\x80\xc0\x02"), make([]byte, bytes)...)
	return s.addr
}
