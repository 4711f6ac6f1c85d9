package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	firstMargin = 60 * time.Microsecond
	leastMargin = 5 * time.Microsecond
	mostMargin  = 200 * time.Microsecond
	marginStep  = 500 * time.Nanosecond
	// spinShare is the most of one processor that waiting may burn. Above some
	// 2000 arrivals a second on a machine that wakes threads slowly the budget
	// runs out, and arrivals are as late as the kernel wakes the thread.
	spinShare = 0.15
)

// Pacer is the Clock of a measured open loop. It sleeps in the kernel until a
// margin before the instant and spins the rest, because a Go timer is late by
// half a millisecond on an idle machine (the network poller rounds delays up to
// 1 ms) and a kernel timer by tens of microseconds. The margin follows the upper
// quartile of the kernel's own lateness.
//
// Until must be called from one goroutine. It locks that goroutine to its thread
// for good, so that the Go scheduler does not move it about between sleeps and
// ThreadCPU there is the pacer's own; the thread ends with the goroutine.
type Pacer struct {
	start  time.Time
	margin time.Duration
	spun   time.Duration
	began  time.Duration
	primed bool
}

// NewPacer returns a pacer whose offsets count from start.
func NewPacer(start time.Time) *Pacer { return &Pacer{start: start, margin: firstMargin} }

// Now implements Clock.
func (p *Pacer) Now() time.Duration { return time.Since(p.start) }

// Until implements Clock.
func (p *Pacer) Until(t time.Duration) {
	now := p.Now()
	if !p.primed {
		p.primed, p.began = true, now
		runtime.LockOSThread()
		// The kernel may round a thread's timers up by 50 µs of slack; 1 ns turns
		// that off for this thread. If it is refused, the margin grows instead.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	margin := p.margin
	if float64(p.spun) > spinShare*float64(now-p.began)+float64(mostMargin) {
		margin = 0
	}
	if t-now > 2*margin {
		now = p.sleep(now, t-margin, margin > 0)
	}
	from := now
	for now < t {
		now = p.Now()
	}
	p.spun += now - from
}

// sleep waits in the kernel until wake and learns from how late it was.
func (p *Pacer) sleep(now, wake time.Duration, learn bool) time.Duration {
	ts := unix.NsecToTimespec(int64(wake - now))
	// An interrupted sleep only ends early: the spin, or the caller, waits on.
	_ = unix.Nanosleep(&ts, nil)
	now = p.Now()
	if !learn {
		return now
	}
	// Steps of 3 up and 1 down balance where a quarter of the sleeps overshoot.
	if now-wake > p.margin {
		p.margin = min(mostMargin, p.margin+3*marginStep)
	} else {
		p.margin = max(leastMargin, p.margin-marginStep)
	}
	return now
}
