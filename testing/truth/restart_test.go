//go:build truth && linux

package truth

import (
	"bufio"
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	benchv1 "grpcbench/proto/bench/v1"
)

// bundled starts b's own server.
func (b bench) bundled(addr string) (p *exec.Cmd, at string) {
	b.t.Helper()
	p = exec.CommandContext(b.t.Context(), b.path, "server", "--tls", "off", "--listen", addr)
	out, err := p.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		b.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.t.Fatal(err)
	}
	return p, strings.TrimSpace(line)
}

// answered is how many RPCs the server has answered.
func answered(ctx context.Context, t *testing.T, conn *grpc.ClientConn) float64 {
	t.Helper()
	got, err := benchv1.NewControlClient(conn).Snapshot(ctx, &benchv1.SnapshotRequest{}, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	return float64(got.GetRpcs().GetOk())
}

// A generator is back at 90 % of its rate 1.5 s after its server listens again: it
// knocks at least once a second, a fifth more for chance.
//
//	fault:   server killed for 2 s and started again on its port
//	promise: the rate is back soon after the port listens
//	figure:  ≥ 90 % of {rate} RPC/s in the second that begins 1.5 s after
func TestTruthOfARestart(t *testing.T) {
	const rate = 200
	b := build(t)
	measured(t, func(f *findings) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		_ = l.Close()
		first, _ := b.bundled(addr)
		end := b.begin(addr, "--tls", "off", "--rate", "200", "--arrival", "uniform", "--epochs", "1", "--warmup", "0s", "--window", "8s",
			"--allow-failures", "1")
		<-time.After(2 * time.Second)
		_ = first.Process.Kill()
		_ = first.Wait()
		<-time.After(2 * time.Second)
		second, _ := b.bundled(addr)
		<-time.After(1500 * time.Millisecond)
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		before, began := answered(t.Context(), t, conn), time.Now()
		<-time.After(time.Second)
		after, took := answered(t.Context(), t, conn), time.Since(began)
		_ = conn.Close()
		if _, err := end(); err != nil {
			t.Fatal(err)
		}
		_ = second.Process.Kill()
		_ = second.Wait()
		f.between("RPC/s after the restart, over the rate", (after-before)/took.Seconds()/rate, 0.9, 1.1)
	})
}
