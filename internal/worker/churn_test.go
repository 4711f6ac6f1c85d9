package worker

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/channel"
)

// TestChurnIsBookedWhenItWasDue: of seven replacements three were due before the
// window, at its end or after it. It does not matter when they were made.
func TestChurnIsBookedWhenItWasDue(t *testing.T) {
	from := time.Now()
	to := from.Add(time.Second)
	var c churn
	c.measure(from, to)
	ms := func(n int) channel.Connection {
		d := time.Duration(n) * time.Millisecond
		return channel.Connection{TCP: d, TLS: 2 * d, HTTP2: 3 * d, Sent: 100, Received: 1000, Local: fmt.Sprint(n), State: &tls.ConnectionState{Version: tls.VersionTLS13}}
	}
	resumed := ms(5)
	resumed.State.DidResume = true
	refused := fmt.Errorf("connect: %w", context.DeadlineExceeded)
	c.begin(from.Add(-1))(ms(7), nil)
	first := c.begin(from)
	c.miss(from.Add(1))
	if c.still() {
		t.Error("still, while a connection is being made")
	}
	first(ms(1), nil)
	c.begin(to.Add(-1))(resumed, nil)
	c.begin(from.Add(2))(channel.Connection{Sent: 7, Received: 3}, refused)
	c.begin(to)(ms(9), nil)
	c.miss(to.Add(1))
	if !c.still() {
		t.Error("not still, with nothing under way")
	}
	got, err := c.inWindow()
	if err != nil {
		t.Fatal(err)
	}
	if got.Due != 4 || got.Opened != 2 || got.Missed != 1 || got.Sent != 207 || got.Received != 2003 {
		t.Errorf("window %+v, want 4 due, 2 opened, 1 missed, and 207 and 2003 bytes", got)
	}
	if diff := cmp.Diff(map[string]int64{channel.TimeoutTCP: 1}, got.Failed); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
	if got.Full == nil || got.Resumed == nil || got.Full.Count != 1 || got.Resumed.Count != 1 ||
		got.Full.Total.Sum != 6e6 || got.Resumed.Total.Sum != 30e6 || got.Full.TLS.Sum != 2e6 {
		t.Errorf("full %+v, resumed %+v: want one of 6 ms and one of 30 ms", got.Full, got.Resumed)
	}
	life := c.replaced(nil, true)
	if life.Due != 7 || life.Opened != 4 || life.Missed != 2 || life.Sent != 407 {
		t.Errorf("life %+v, want 7 due, 4 opened, 2 missed, 407 bytes", life)
	}
	var links int64
	for _, l := range life.Links {
		links += l.Count
		if l.Local != "" || !l.ClientCertificate {
			t.Errorf("link %+v: must have no address, and the certificate that was presented", l)
		}
	}
	if len(life.Links) != 2 || links != 4 {
		t.Errorf("%d kinds of %d links, want 2 of 4", len(life.Links), links)
	}
}

// TestConnectionsBeginWithSharesOfTheirLimit: of 10 RPCs four connections have had 0, 2,
// 5 and 7 when they begin.
func TestConnectionsBeginWithSharesOfTheirLimit(t *testing.T) {
	g := &generator{}
	g.trial.Settings.MaxRPCs, g.trial.Connections = 10, 4
	var had []int64
	for i := range 4 {
		had = append(had, g.limitOf(i).Had)
	}
	if diff := cmp.Diff([]int64{0, 2, 5, 7}, had); diff != "" {
		t.Error(diff)
	}
}
