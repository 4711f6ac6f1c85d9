package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"grpcbench/internal/runner"
)

// progress is the line on standard error that says where a run is. On a
// terminal it is rewritten twice a second; elsewhere each epoch gets a line.
type progress struct {
	w       io.Writer
	columns func() int // of the terminal, which may change; nil: there is none

	mu    sync.Mutex
	last  runner.Progress
	at    time.Time
	wide  int
	over  bool // nothing more is written
	quit  chan struct{}
	ended sync.WaitGroup
}

func startProgress(w io.Writer, columns func() int) *progress {
	p := &progress{w: w, columns: columns, quit: make(chan struct{})}
	if columns != nil {
		p.ended.Go(p.redraw)
	}
	return p
}

// update is runner.Options.Progress.
func (p *progress) update(now runner.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := now.Epoch != p.last.Epoch
	p.last, p.at = now, time.Now()
	switch {
	case p.columns != nil:
		p.draw()
	case fresh:
		fmt.Fprintln(p.w, p.line())
	}
}

func (p *progress) redraw() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-tick.C:
			p.mu.Lock()
			if !p.at.IsZero() {
				p.draw()
			}
			p.mu.Unlock()
		}
	}
}

// draw writes over the line that is there. One that is longer than the terminal is
// wide would be broken, and each drawing leave a piece of it behind.
func (p *progress) draw() {
	line := []rune(p.line())
	if room := p.columns() - 1; room > 0 && len(line) > room {
		line = append(line[:room-1], '…')
	}
	fmt.Fprintf(p.w, "\r%-*s", p.wide, string(line))
	p.wide = len(line)
}

func (p *progress) line() string {
	since := time.Since(p.at)
	l := fmt.Sprintf("epoch %d of %d · %s · %v elapsed", p.last.Epoch, p.last.Epochs, p.last.Step, (p.last.Elapsed + since).Round(time.Second))
	if left := p.last.Remaining - since; p.last.Remaining > 0 {
		l += fmt.Sprintf(" · %v left", max(0, left).Round(time.Second))
	}
	if p.last.Rate > 0 {
		l += fmt.Sprintf(" · %.4g RPC/s", p.last.Rate)
	}
	return l + fmt.Sprintf(" · %d failed", p.last.Failures)
}

// interrupted acknowledges a signal, in a line of its own.
func (p *progress) interrupted(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := exitInterrupted[cause]; !ok || p.over {
		return
	}
	p.clear()
	fmt.Fprintf(p.w, "grpc-bench: interrupted (%v): storing what was measured; a second signal stops at once\n", cause)
}

// clear empties the line, if there is one.
func (p *progress) clear() {
	if p.columns != nil && p.wide > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.wide, "")
		p.wide = 0
	}
}

// stop clears the line.
func (p *progress) stop() {
	close(p.quit)
	p.ended.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.clear()
}
