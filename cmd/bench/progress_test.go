package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"grpcbench/internal/runner"
)

func step(epoch int) runner.Progress {
	return runner.Progress{Epoch: epoch, Epochs: 10, Step: "measuring", Elapsed: 12 * time.Second, Remaining: 30 * time.Second, Rate: 1500, Failures: 3}
}

// A terminal that is too narrow would break the line, and every drawing would then
// leave a piece behind.
func TestProgressStaysOnOneLineOfItsTerminal(t *testing.T) {
	for _, width := range []int{20, 60, 80, 200} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			p := startProgress(&out, func() int { return width })
			p.update(step(1))
			time.Sleep(1700 * time.Millisecond)
			p.update(step(2))
			p.stop()
			drawn := strings.Split(strings.TrimPrefix(out.String(), "\r"), "\r")
			if len(drawn) != 7 { // 2 updates, 3 of the clock, and the line is cleared
				t.Errorf("%d columns: %d drawings, want 5: %q", width, len(drawn)-2, drawn)
			}
			for _, line := range drawn {
				if n := utf8.RuneCountInString(line); n >= width && width < 200 {
					t.Errorf("%d columns: line of %d: %q", width, n, line)
				}
			}
			if strings.Contains(out.String(), "\n") {
				t.Errorf("%d columns: a line was ended: %q", width, out.String())
			}
			if want := "epoch 1 of 10 · measuring · 12s elapsed · 30s left · 1500 RPC/s · 3 failed"; width == 200 && !strings.HasPrefix(drawn[0], want) {
				t.Errorf("drawn %q, want %q", drawn[0], want)
			}
			if last := strings.TrimSpace(drawn[len(drawn)-1]) + strings.TrimSpace(drawn[len(drawn)-2]); last != "" {
				t.Errorf("the line is not cleared: %q", last)
			}
		})
	}
}

func TestProgressElsewhereIsALineAnEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := startProgress(&out, nil)
		for _, epoch := range []int{1, 1, 2, 2, 2} {
			p.update(step(epoch))
		}
		p.stop()
		want := "epoch 1 of 10 · measuring · 12s elapsed · 30s left · 1500 RPC/s · 3 failed\nepoch 2 of 10 · measuring · 12s elapsed · 30s left · 1500 RPC/s · 3 failed\n"
		if got := out.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
