package benchserver_test

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"grpcbench/internal/benchserver"
	benchv1 "grpcbench/proto/bench/v1"
)

// A bubble's clock moves only while everything in it waits, so the call takes
// exactly as long as the server waited.
type bubble struct {
	*testing.T
	server   *benchserver.Server
	client   benchv1.BenchClient
	listener *bufconn.Listener
}

func inBubble(t *testing.T, test func(bubble)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := benchserver.New(benchserver.Options{})
		if err != nil {
			t.Fatal(err)
		}
		l := bufconn.Listen(1 << 16)
		go func() { _ = s.Serve(l) }()
		conn, err := grpc.NewClient("passthrough:///bubble",
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		client := benchv1.NewBenchClient(conn)
		if _, err := client.Echo(t.Context(), &benchv1.EchoRequest{}); err != nil {
			t.Fatal(err)
		}
		test(bubble{T: t, server: s, client: client, listener: l})
		_ = conn.Close()
		s.Stop(0)
		synctest.Wait()
	})
}

func TestEchoWaitsAsLongAsAsked(t *testing.T) {
	inBubble(t, func(t bubble) {
		begin := time.Now()
		if _, err := t.client.Echo(t.Context(), &benchv1.EchoRequest{DelayUs: 250_000}); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begin); got != 250*time.Millisecond {
			t.Errorf("waited %v, want 250ms", got)
		}
	})
}

func TestADeadlineEndsTheWait(t *testing.T) {
	inBubble(t, func(t bubble) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := t.client.Echo(ctx, &benchv1.EchoRequest{DelayUs: 10_000_000})
		wantCode(t.T, err, codes.DeadlineExceeded)
		synctest.Wait()
		// grpc-go's server cancels a stream at its deadline or when the client's
		// reset arrives, whichever is first.
		failed := t.server.Snapshot().GetRpcs().GetFailed()
		if failed["DeadlineExceeded"]+failed["Canceled"] != 1 {
			t.Errorf("failed %v, want the one that was given up", failed)
		}
	})
}

func TestStopEndsWaitsAfterTheGrace(t *testing.T) {
	inBubble(t, func(t bubble) {
		result := make(chan error)
		go func() {
			_, err := t.client.Echo(t.Context(), &benchv1.EchoRequest{DelayUs: 10_000_000})
			result <- err
		}()
		synctest.Wait()
		begin := time.Now()
		t.server.Stop(5 * time.Second)
		if got := time.Since(begin); got != 5*time.Second {
			t.Errorf("stopped after %v, want the grace of 5s", got)
		}
		if err := <-result; err == nil {
			t.Error("the call outlived the server")
		}
		r := t.server.Snapshot().GetRpcs()
		if r.GetStarted() != 2 || r.GetOk() != 1 {
			t.Errorf("started %d, ok %d, want 2 and 1", r.GetStarted(), r.GetOk())
		}
	})
}

func TestStopWaitsForTheRPCsInFlight(t *testing.T) {
	inBubble(t, func(t bubble) {
		result := make(chan error)
		go func() {
			_, err := t.client.Echo(t.Context(), &benchv1.EchoRequest{DelayUs: 2_000_000})
			result <- err
		}()
		synctest.Wait()
		begin := time.Now()
		go t.server.Stop(5 * time.Second)
		if err := <-result; err != nil {
			t.Error(err)
		}
		if got := time.Since(begin); got != 2*time.Second {
			t.Errorf("answered after %v, want 2s", got)
		}
	})
}

// connectSilently opens a connection that sends half a preface and no more.
func (t bubble) connectSilently() {
	t.Helper()
	c, err := t.listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, "PRI * HTTP/2"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// A client that connects and says nothing is given up.
//
//	fault:   a connection whose handshake never ends
//	promise: it is closed
//	figure:  after 10 s, to the nanosecond of fake time
func TestAHandshakeThatNeverEndsIsClosed(t *testing.T) {
	inBubble(t, func(t bubble) {
		t.connectSilently()
		time.Sleep(10*time.Second - 1)
		synctest.Wait()
		if n := t.server.Snapshot().GetConnections().GetOpen(); n != 2 {
			t.Errorf("open %d before the timeout, want 2", n)
		}
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		if n := t.server.Snapshot().GetConnections().GetOpen(); n != 1 {
			t.Errorf("open %d after the timeout, want 1", n)
		}
	})
}

// grpc-go's own Stop would wait for the handshake's timeout.
func TestStopDoesNotWaitForASilentClient(t *testing.T) {
	inBubble(t, func(t bubble) {
		t.connectSilently()
		begin := time.Now()
		t.server.Stop(time.Second)
		if got := time.Since(begin); got != time.Second {
			t.Errorf("stopped after %v, want the grace of 1s", got)
		}
		if n := t.server.Snapshot().GetConnections().GetOpen(); n != 0 {
			t.Errorf("open %d, want 0", n)
		}
	})
}
