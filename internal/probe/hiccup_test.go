package probe

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// stallingSleeper wakes on time, but the wake number stallAt comes stall late.
type stallingSleeper struct {
	time    int64
	wakes   int
	stallAt int
	stall   time.Duration
	err     error
}

func (s *stallingSleeper) now() int64 { return s.time }

func (s *stallingSleeper) sleepUntil(due int64) error {
	s.time = max(s.time, due)
	if s.wakes++; s.wakes == s.stallAt {
		s.time += int64(s.stall)
	}
	return s.err
}

// A stall of 400 ms covers 20 wakes 20 ms apart: the first is 400 ms late, the next
// 380 ms, the last 20 ms, in sum 20·(1+…+20) = 4200 ms. The other 180 are on time.
func TestStallDelaysEveryWakeThatFallsIntoIt(t *testing.T) {
	s := &stallingSleeper{stallAt: 50, stall: 400 * time.Millisecond}
	late := measureHiccups(s, func() bool { return s.wakes == 200 })
	if got, want := late.Count(), int64(200); got != want {
		t.Errorf("%d wakes, want %d", got, want)
	}
	if got, want := time.Duration(late.Sum()), 4200*time.Millisecond; got != want {
		t.Errorf("lateness in sum %v, want %v", got, want)
	}
	if got, want := time.Duration(late.Max()), 400*time.Millisecond; got != want {
		t.Errorf("largest lateness %v, want %v", got, want)
	}
	// 20 of 200 are late: the share 0.90 is on time and the next wake is not.
	if onTime, _ := late.Quantile(0.90, 200); onTime != 0 {
		t.Errorf("quantile 0.90 is %d ns, want 0", onTime)
	}
	if first, _ := late.Quantile(0.905, 200); first < int64(19*time.Millisecond) {
		t.Errorf("quantile 0.905 is %d ns, want about 20 ms", first)
	}
}

func TestMeterThatCannotSleepEndsWithoutFacts(t *testing.T) {
	s := &stallingSleeper{err: errors.New("no such clock")}
	late := measureHiccups(s, func() bool { return s.wakes == 200 })
	if late != nil {
		t.Errorf("got %d wakes, want none", late.Count())
	}
	var i Interval
	i.addHiccups(late)
	if !reflect.DeepEqual(i, Interval{}) {
		t.Errorf("got %+v, want no fact", i)
	}
}
