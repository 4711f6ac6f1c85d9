package load

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// renewal is a replacement that was due.
type renewal struct {
	Conn int
	Due  time.Duration
}

// TestRenewalsTakeConnectionsInTurn: 5 a second from 0.1 s on, of three connections.
func TestRenewalsTakeConnectionsInTurn(t *testing.T) {
	const ms = time.Millisecond
	r := Renewals{Rate: 5, Duration: time.Second, Phase: 100 * ms, Connections: 3, First: 4}
	for range 2 { // it can be asked twice
		var got []renewal
		for at, conn := range r.Due() {
			got = append(got, renewal{conn, at})
		}
		want := []renewal{{1, 100 * ms}, {2, 300 * ms}, {0, 500 * ms}, {1, 700 * ms}, {2, 900 * ms}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestRenewalsOfAWindowAreExact: any 60 s of 7 a second hold 420 replacements, 140 of
// each of three connections, wherever they begin.
func TestRenewalsOfAWindowAreExact(t *testing.T) {
	for _, from := range []time.Duration{0, 1, 123456789, time.Second} {
		n := make([]int, 3)
		for at, conn := range (Renewals{Rate: 7, Duration: from + time.Minute, Phase: 99 * time.Millisecond, Connections: 3}).Due() {
			if at >= from {
				n[conn]++
			}
		}
		if !slices.Equal(n, []int{140, 140, 140}) {
			t.Errorf("from %v: %v replacements of each connection, want 140", from, n)
		}
	}
}

// churned runs a minute of 10 replacements a second of four connections, each of
// which takes as long as the test says, and tells which were begun and which missed.
func churned(t *testing.T, takes func(due time.Duration) time.Duration) (begun, missed []renewal, took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		start := time.Now()
		making := map[int]bool{}
		c := Churn{
			Renewals: Renewals{Rate: 10, Duration: time.Minute, Connections: 4}, Clock: SleepClock{Start: start},
			Renew: func(_ context.Context, conn int, due time.Duration) {
				mu.Lock()
				if now := time.Since(start); now != due {
					t.Errorf("connection %d: replaced at %v, was due at %v", conn, now, due)
				}
				if making[conn] {
					t.Errorf("connection %d: replaced twice at once", conn)
				}
				making[conn] = true
				begun = append(begun, renewal{conn, due})
				mu.Unlock()
				time.Sleep(takes(due))
				mu.Lock()
				making[conn] = false
				mu.Unlock()
			},
			Missed: func(conn int, due time.Duration) { missed = append(missed, renewal{conn, due}) },
		}
		c.Run(t.Context())
		took = time.Since(start)
	})
	return begun, missed, took
}

func TestChurnBeginsEachReplacementWhenItIsDue(t *testing.T) {
	// 390 ms are less than the 400 that pass before the same connection's turn.
	begun, missed, took := churned(t, func(time.Duration) time.Duration { return 390 * time.Millisecond })
	if len(begun) != 600 || len(missed) != 0 {
		t.Errorf("%d begun and %d missed, want all 600", len(begun), len(missed))
	}
	if want := time.Minute - 100*time.Millisecond + 390*time.Millisecond; took != want {
		t.Errorf("it ended after %v, want %v: when the last one was made", took, want)
	}
}

// TestAHandshakeThatHangsHoldsUpItsOwnConnectionOnly: the replacement that is due at
// 10 s, of connection 0, takes until 15 s; its turns at 10.4, 10.8, … 14.8 s are missed.
func TestAHandshakeThatHangsHoldsUpItsOwnConnectionOnly(t *testing.T) {
	begun, missed, _ := churned(t, func(due time.Duration) time.Duration {
		if due == 10*time.Second {
			return 5 * time.Second
		}
		return time.Millisecond
	})
	var want []renewal
	for at := 10400 * time.Millisecond; at < 15*time.Second; at += 400 * time.Millisecond {
		want = append(want, renewal{0, at})
	}
	if diff := cmp.Diff(want, missed); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
	if len(begun)+len(missed) != 600 {
		t.Errorf("%d begun and %d missed, want 600 together", len(begun), len(missed))
	}
}

func TestChurnEndsWhenItIsToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 450*time.Millisecond)
		defer cancel()
		var begun, ended atomic.Int64
		c := Churn{
			Renewals: Renewals{Rate: 10, Duration: time.Hour, Connections: 8}, Clock: SleepClock{Start: time.Now()},
			Renew: func(ctx context.Context, _ int, _ time.Duration) {
				begun.Add(1)
				<-ctx.Done()
				ended.Add(1)
			},
			Missed: func(int, time.Duration) { t.Error("missed: each connection had one turn") },
		}
		c.Run(ctx)
		if begun.Load() != 5 || ended.Load() != 5 { // at 0, 100, 200, 300 and 400 ms
			t.Errorf("%d begun, %d ended before it returned, want 5", begun.Load(), ended.Load())
		}
	})
}
