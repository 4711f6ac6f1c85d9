package load

import "time"

// SleepClock is a Clock on Go's own timers: exact in a synctest bubble, up to a
// millisecond late on a real machine.
type SleepClock struct {
	Start time.Time // the common start
}

// Now implements Clock.
func (c SleepClock) Now() time.Duration { return time.Since(c.Start) }

// Until implements Clock.
func (c SleepClock) Until(t time.Duration) { time.Sleep(t - time.Since(c.Start)) }
