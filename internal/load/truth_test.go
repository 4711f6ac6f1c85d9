package load

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of this file hold the loops against servers whose latencies are
// known, in virtual time: they are exact and take no real time to wait.

// server answers the RPC that arrives at now; it returns when it is done.
type server func(now time.Duration, seq int64) (done time.Duration)

// stalling stops the whole server for the first part of every second. Service
// takes 1 ms.
func stalling(stall time.Duration) server {
	return func(now time.Duration, _ int64) time.Duration {
		if into := now % time.Second; into < stall {
			now += stall - into
		}
		return now + time.Millisecond
	}
}

// bimodal takes 500 ms for one RPC in 50 and 1 ms for the others; nobody waits
// for anybody.
func bimodal(now time.Duration, seq int64) time.Duration {
	if seq%50 == 7 {
		return now + 500*time.Millisecond
	}
	return now + time.Millisecond
}

// queue is a single server with exponential service times, first come first
// served.
func queue(mean time.Duration, seed uint64) server {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 5))
	free := time.Duration(0)
	return func(now time.Duration, _ int64) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		free = max(free, now) + time.Duration(r.ExpFloat64()*float64(mean))
		return free
	}
}

// against returns a Call on s, in the bubble's time.
func against(clock Clock, s server) Call {
	return func(_ context.Context, _ int, seq int64) End {
		now := clock.Now()
		time.Sleep(s(now, seq) - now)
		return Good
	}
}

// open runs an open loop in virtual time.
func open(t *testing.T, l OpenLoop, call func(Clock) Call) Outcome {
	t.Helper()
	var got Outcome
	synctest.Test(t, func(t *testing.T) {
		clock := SleepClock{Start: time.Now()}
		if l.Clock == nil {
			l.Clock = clock
		}
		l.Connections = max(l.Connections, 1)
		if l.MaxInFlight == 0 {
			l.MaxInFlight = 100_000
		}
		if l.Drain == 0 {
			l.Drain = time.Minute
		}
		var err error
		if got, err = l.Run(t.Context(), callers(call(clock))); err != nil {
			t.Fatal(err)
		}
	})
	balanced(t, got)
	return got
}

// balanced asserts the conservation laws.
func balanced(t *testing.T, o Outcome) {
	t.Helper()
	var sum Ledger
	for _, iv := range o.Intervals {
		sum.Add(iv.Ledger)
	}
	for name, l := range map[string]Ledger{"warm-up": o.Warmup, "window": o.Window, "intervals": sum} {
		if err := l.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := o.Window
	if sum.Scheduled != w.Scheduled || sum.OK != w.OK || sum.Lost() != w.Lost() {
		t.Errorf("intervals sum to %+v, the window is %+v", sum, w)
	}
	if o.Latency.Count() != w.OK || o.Service.Count() != w.OK || o.Lag.Count() != w.Started {
		t.Errorf("histograms hold %d, %d, %d values; ok %d, started %d",
			o.Latency.Count(), o.Service.Count(), o.Lag.Count(), w.OK, w.Started)
	}
	if busy := int64(o.Flow.Busy()); busy != o.Service.Sum() {
		t.Errorf("the loop was busy for %d ns, service times sum to %d", busy, o.Service.Sum())
	}
}

// quantileMS is a quantile of all scheduled RPCs in milliseconds; +Inf when it
// falls among those without a latency.
func quantileMS(o Outcome, q float64) float64 {
	ns, ok := o.Latency.Quantile(q, o.Window.Scheduled)
	if !ok {
		return math.Inf(1)
	}
	return float64(ns) / 1e6
}

func wantQuantiles(t *testing.T, o Outcome, tolerance float64, want map[float64]float64) {
	t.Helper()
	for q, ms := range want {
		if got := quantileMS(o, q); !(math.Abs(got-ms) <= tolerance*ms+0.001) {
			t.Errorf("p%g = %.3f ms, want %.3f", 100*q, got, ms)
		}
	}
}

var minute = Phases{Warmup: time.Second, Window: 60 * time.Second}

func everyMillisecond() Schedule { return Uniform{Rate: 1000, Duration: minute.End()} }

// A stall of 500 ms delays the arrival at offset o < 500 ms by 500 − o ms. Of
// 1000 arrivals a second exactly 100 wait more than 401 ms and 10 more than 491.
func TestOpenLoopSeesAStallAsItsArrivalsDo(t *testing.T) {
	o := open(t, OpenLoop{Schedule: everyMillisecond(), Phases: minute},
		func(c Clock) Call { return against(c, stalling(500*time.Millisecond)) })
	wantQuantiles(t, o, 0.001, map[float64]float64{0.5: 1, 0.9: 401, 0.99: 491})
	if o.Window.Scheduled != 60_000 {
		t.Errorf("scheduled %d, want 60000", o.Window.Scheduled)
	}
}

// With 50 ms, 50 of 1000 arrivals wait: none at p90, 41 ms at p99.
func TestOpenLoopSeesAShortStallInItsTailOnly(t *testing.T) {
	o := open(t, OpenLoop{Schedule: everyMillisecond(), Phases: minute},
		func(c Clock) Call { return against(c, stalling(50*time.Millisecond)) })
	wantQuantiles(t, o, 0.001, map[float64]float64{0.5: 1, 0.9: 1, 0.99: 41})
}

// 2 % slow RPCs that block nobody: a loop with one RPC in flight a connection,
// or a correction by expected intervals, would report p90 = 400 ms and more.
func TestOpenLoopDoesNotInventQueueingBetweenIndependentRPCs(t *testing.T) {
	o := open(t, OpenLoop{Schedule: everyMillisecond(), Phases: minute},
		func(c Clock) Call { return against(c, bimodal) })
	wantQuantiles(t, o, 0.001, map[float64]float64{0.5: 1, 0.9: 1, 0.95: 1, 0.99: 500})
}

// The contrast: ten callers on the same stalling server. Each is caught once a
// stall, so that of some 5000 RPCs a second 10 are slow and p99 looks clean.
func TestClosedLoopHidesTheStallItIsCaughtIn(t *testing.T) {
	var o Outcome
	synctest.Test(t, func(t *testing.T) {
		clock := SleepClock{Start: time.Now()}
		l := ClosedLoop{Concurrency: 10, Connections: 1, Clock: clock, Phases: Phases{Window: 10 * time.Second}, Drain: time.Minute}
		var err error
		if o, err = l.Run(t.Context(), callers(against(clock, stalling(500*time.Millisecond)))); err != nil {
			t.Fatal(err)
		}
	})
	balanced(t, o)
	wantQuantiles(t, o, 0.001, map[float64]float64{0.5: 1, 0.99: 1})
	// 500 RPCs of 1 ms in each half second, by each of 10 callers, and one of
	// 501 ms at each stall but the first finds callers at 0 ms too: 10 s · 10 · 500.
	if n := o.Window.Scheduled; n < 49_900 || n > 50_100 {
		t.Errorf("scheduled %d, want about 50000", n)
	}
}

// M/M/1 with ρ = 0.5, μ = 1000/s: the sojourn time is exponential with mean
// 1/(μ−λ) = 2 ms, so its q-quantile is −ln(1−q)·2 ms (any queueing text, e.g.
// Kleinrock 1975, 3.2). 4 % covers the sampling error of 200 000 dependent
// sojourns; the seed is fixed.
func TestOpenLoopMatchesMM1(t *testing.T) {
	phases := Phases{Warmup: 5 * time.Second, Window: 400 * time.Second}
	o := open(t, OpenLoop{Schedule: Poisson{Rate: 500, Duration: phases.End(), Seed: 11}, Phases: phases},
		func(c Clock) Call { return against(c, queue(time.Millisecond, 12)) })
	wantQuantiles(t, o, 0.04, map[float64]float64{0.5: 2 * math.Ln2, 0.9: 2 * math.Log(10), 0.99: 2 * math.Log(100)})
}

// One caller on the same server never queues: it sees the service time, whose
// p99 is ln(100) = 4.605 ms, half of what arrivals would.
func TestClosedLoopOfOneSeesServiceTimeOnly(t *testing.T) {
	var o Outcome
	synctest.Test(t, func(t *testing.T) {
		clock := SleepClock{Start: time.Now()}
		l := ClosedLoop{Concurrency: 1, Connections: 1, Clock: clock, Phases: Phases{Window: 100 * time.Second}, Drain: time.Minute}
		var err error
		if o, err = l.Run(t.Context(), callers(against(clock, queue(time.Millisecond, 12)))); err != nil {
			t.Fatal(err)
		}
	})
	balanced(t, o)
	wantQuantiles(t, o, 0.03, map[float64]float64{0.99: math.Log(100)})
}

// Uniform arrivals slower than a constant service: nobody waits, and every
// quantile is the service time, in one bucket.
func TestOpenLoopOfDD1IsTheServiceTime(t *testing.T) {
	o := open(t, OpenLoop{Schedule: Uniform{Rate: 333.333, Duration: minute.End()}, Phases: minute}, func(c Clock) Call {
		return against(c, func(now time.Duration, _ int64) time.Duration { return now + 2*time.Millisecond })
	})
	if o.Latency.Min() != 2e6 || o.Latency.Max() != 2e6 {
		t.Errorf("latency between %d and %d ns, want 2 ms exactly", o.Latency.Min(), o.Latency.Max())
	}
}

// blocked is a clock whose waiting is held up once, as a starved generator's is.
type blocked struct {
	SleepClock
	at, until time.Duration
}

func (b *blocked) Until(t time.Duration) {
	b.SleepClock.Until(t)
	if t >= b.at && t < b.until {
		b.SleepClock.Until(b.until)
	}
}

// A generator that is blocked for 2 s sends everything it missed, at once, and
// charges the delay to the calls: 2000 of them, up to 2 s late, on a schedule
// that did not move. Timing from the actual start would show 1 ms throughout.
func TestAGeneratorThatWasBlockedChargesItsDelayToTheCalls(t *testing.T) {
	phases := Phases{Warmup: time.Second, Window: 9 * time.Second}
	var o Outcome
	synctest.Test(t, func(t *testing.T) {
		clock := &blocked{SleepClock: SleepClock{Start: time.Now()}, at: 3 * time.Second, until: 5 * time.Second}
		l := OpenLoop{Schedule: Uniform{Rate: 1000, Duration: phases.End()}, Clock: clock, Phases: phases,
			Connections: 4, MaxInFlight: 10_000, Drain: time.Minute}
		var err error
		o, err = l.Run(t.Context(), callers(against(clock, func(now time.Duration, _ int64) time.Duration { return now + time.Millisecond })))
		if err != nil {
			t.Fatal(err)
		}
	})
	balanced(t, o)
	if o.Window.Scheduled != 9000 || o.Window.OK != 9000 {
		t.Errorf("scheduled %d, ok %d, want 9000 of 9000", o.Window.Scheduled, o.Window.OK)
	}
	if got := o.Lag.Max(); got != 2e9 {
		t.Errorf("largest lag %d ns, want exactly 2 s", got)
	}
	if got := o.Latency.Max(); got != 2.001e9 {
		t.Errorf("largest latency %d ns, want 2.001 s", got)
	}
	if got := o.Service.Max(); got != 1e6 {
		t.Errorf("largest service time %d ns, want 1 ms", got)
	}
	// Of 9000 latencies 2000 spread evenly over (1 ms, 2001 ms]: p90 leaves 900
	// above it: 2001 − 900 ms.
	wantQuantiles(t, o, 0.001, map[float64]float64{0.5: 1, 0.9: 1101})
}

// 100/s against a server that never answers, with room for 30: 30 calls hang,
// 970 arrivals are not started, and every quantile is beyond what was waited.
func TestArrivalsBeyondTheCapAreBookedAndRankAboveAllOthers(t *testing.T) {
	phases := Phases{Window: 10 * time.Second}
	o := open(t, OpenLoop{Schedule: Uniform{Rate: 100, Duration: phases.End()}, Phases: phases, MaxInFlight: 30, Drain: 2 * time.Second},
		func(Clock) Call {
			return func(ctx context.Context, _ int, _ int64) End { <-ctx.Done(); return End{Code: "CANCELLED"} }
		})
	if w := o.Window; w.Scheduled != 1000 || w.Started != 30 || w.NotStarted[MaxInFlight] != 970 || w.Abandoned != 30 {
		t.Errorf("window %+v, want 1000 scheduled, 30 started and abandoned, 970 not started", w)
	}
	if got := quantileMS(o, 0.001); !math.IsInf(got, 1) {
		t.Errorf("p0.1 = %v ms, want beyond", got)
	}
	// The drain ends at 12 s; the cancelled callers are back a millisecond later.
	if o.Clean || o.End != 12001*time.Millisecond {
		t.Errorf("clean %v, ended at %v, want an unclean end at 12.001 s", o.Clean, o.End)
	}
}

// 100/s against calls of 995 ms with room for 10: of each second the first 10
// arrivals start, in time, and 90 do not. A loop that waited for room would start
// the same number, each of them late.
func TestArrivalsBeyondTheCapAreNeverQueued(t *testing.T) {
	phases := Phases{Window: 10 * time.Second}
	o := open(t, OpenLoop{Schedule: Uniform{Rate: 100, Duration: phases.End()}, Phases: phases, MaxInFlight: 10}, func(c Clock) Call {
		return against(c, func(now time.Duration, _ int64) time.Duration { return now + 995*time.Millisecond })
	})
	if w := o.Window; w.Started != 100 || w.NotStarted[MaxInFlight] != 900 || o.Lag.Max() != 0 {
		t.Errorf("window %+v, largest lag %d ns, want 100 started in time and 900 not started", w, o.Lag.Max())
	}
}

// 2 % failures: 980 of 1000 have a latency, so p90 is a number and p99 is not.
func TestFailedCallsRankAboveAllOthers(t *testing.T) {
	phases := Phases{Window: 10 * time.Second}
	o := open(t, OpenLoop{Schedule: Uniform{Rate: 100, Duration: phases.End()}, Phases: phases}, func(Clock) Call {
		return func(_ context.Context, _ int, seq int64) End {
			time.Sleep(time.Millisecond)
			if seq%50 == 0 {
				return End{Code: "UNAVAILABLE"}
			}
			return Good
		}
	})
	if o.Window.Failed["UNAVAILABLE"] != 20 || o.Window.OK != 980 {
		t.Errorf("window %+v, want 980 ok and 20 UNAVAILABLE", o.Window)
	}
	wantQuantiles(t, o, 0.001, map[float64]float64{0.9: 1})
	if got := quantileMS(o, 0.99); !math.IsInf(got, 1) {
		t.Errorf("p99 = %v ms, want beyond", got)
	}
}

// An RPC intended in second 3 of the window that ends in second 7 counts in 3.
func TestACallBelongsToItsIntendedSecond(t *testing.T) {
	phases := Phases{Warmup: time.Second, Window: 8 * time.Second}
	o := open(t, OpenLoop{Schedule: Uniform{Rate: 10, Duration: phases.End()}, Phases: phases}, func(c Clock) Call {
		return against(c, func(now time.Duration, seq int64) time.Duration {
			if seq == 45 { // due at 4.5 s, 3.5 s into the window
				return now + 4*time.Second
			}
			return now + time.Millisecond
		})
	})
	for i, iv := range o.Intervals {
		want := int64(1e6)
		if i == 3 {
			want = 4e9
		}
		if iv.Ledger.OK != 10 || iv.Max != want {
			t.Errorf("second %d: ok %d, max %d ns, want 10 and %d", i, iv.Ledger.OK, iv.Max, want)
		}
	}
}

// A window of a minute folds its old seconds while it runs, and a call that
// hangs for half of it is still booked in its own second.
func TestALongWindowFoldsWithoutLosingALateCall(t *testing.T) {
	o := open(t, OpenLoop{Schedule: Uniform{Rate: 100, Duration: minute.End()}, Phases: minute}, func(c Clock) Call {
		return against(c, func(now time.Duration, seq int64) time.Duration {
			if seq == 250 { // due at 2.5 s, second 1 of the window
				return now + 30*time.Second
			}
			return now + time.Millisecond
		})
	})
	if got := o.Intervals[1].Max; got != 30e9 {
		t.Errorf("largest latency of second 1 is %d ns, want 30 s", got)
	}
	if len(o.Intervals) != 60 || o.Window.OK != 6000 {
		t.Errorf("%d intervals, %d ok, want 60 and 6000", len(o.Intervals), o.Window.OK)
	}
}

// A generator that is blocked for 20 s of a minute books what it missed in the
// seconds in which it was due, though these are long past.
func TestALongWindowFoldsNothingThatABlockedGeneratorHasYetToBook(t *testing.T) {
	var o Outcome
	synctest.Test(t, func(t *testing.T) {
		clock := &blocked{SleepClock: SleepClock{Start: time.Now()}, at: 10 * time.Second, until: 30 * time.Second}
		l := OpenLoop{Schedule: Uniform{Rate: 100, Duration: minute.End()}, Clock: clock, Phases: minute,
			Connections: 4, MaxInFlight: 10_000, Drain: time.Minute}
		var err error
		o, err = l.Run(t.Context(), callers(against(clock, func(now time.Duration, _ int64) time.Duration { return now + time.Millisecond })))
		if err != nil {
			t.Fatal(err)
		}
	})
	balanced(t, o)
	for i, iv := range o.Intervals {
		if iv.Ledger.Scheduled != 100 || iv.Ledger.OK != 100 {
			t.Errorf("second %d: scheduled %d, ok %d, want 100 of 100", i, iv.Ledger.Scheduled, iv.Ledger.OK)
		}
		// Of the hundred lags of a second in which it was blocked the second largest
		// is that of the second arrival, 10 ms into it; a bucket is 0.1 % wide.
		want := time.Duration(0)
		if due := minute.Warmup + iv.Start; due >= 10*time.Second && due < 30*time.Second {
			want = 30*time.Second - due - 10*time.Millisecond
		}
		if got := time.Duration(iv.LagP99); got < want || got > want+want/1000 {
			t.Errorf("second %d: p99 of the lag %v, want %v", i, got, want)
		}
	}
	if len(o.Intervals) != 60 {
		t.Errorf("%d seconds, want 60", len(o.Intervals))
	}
}

// Interrupted after 3.25 s: nothing starts any more, what is in flight gets the
// short drain, and the books balance.
func TestAnInterruptStopsStartingAndDrainsBriefly(t *testing.T) {
	var o Outcome
	synctest.Test(t, func(t *testing.T) {
		clock := SleepClock{Start: time.Now()}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3250*time.Millisecond, cancel)
		phases := Phases{Warmup: time.Second, Window: 10 * time.Second}
		l := OpenLoop{Schedule: Uniform{Rate: 100, Duration: phases.End()}, Clock: clock, Phases: phases,
			Connections: 1, MaxInFlight: 1000, Drain: time.Minute, DrainStopped: time.Second}
		var err error
		o, err = l.Run(ctx, callers(func(ctx context.Context, _ int, seq int64) End {
			if seq == 300 {
				<-ctx.Done()
				return End{Code: "CANCELLED"}
			}
			time.Sleep(time.Millisecond)
			return Good
		}))
		if err != nil {
			t.Fatal(err)
		}
	})
	balanced(t, o)
	if !o.Stopped || o.Window.Abandoned != 1 || o.End > 4400*time.Millisecond {
		t.Errorf("stopped %v, abandoned %d, ended at %v, want an end by 4.4 s with 1 abandoned", o.Stopped, o.Window.Abandoned, o.End)
	}
}

// Interrupted a second into a drain of a minute: the call that hangs gets one
// second more, and the window that was over before is whole.
func TestAnInterruptCutsADrainShort(t *testing.T) {
	phases := Phases{Window: time.Second}
	for name, loop := range map[string]func(c Clock) func(context.Context, Engine) (Outcome, error){
		"open": func(c Clock) func(context.Context, Engine) (Outcome, error) {
			return OpenLoop{Schedule: Uniform{Rate: 10, Duration: phases.End()}, Clock: c, Phases: phases,
				Connections: 1, MaxInFlight: 1000, Drain: time.Minute, DrainStopped: time.Second}.Run
		},
		"closed": func(c Clock) func(context.Context, Engine) (Outcome, error) {
			return ClosedLoop{Concurrency: 10, Clock: c, Phases: phases,
				Connections: 1, Drain: time.Minute, DrainStopped: time.Second}.Run
		},
	} {
		t.Run(name, func(t *testing.T) {
			var o Outcome
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2*time.Second, cancel)
				var err error
				o, err = loop(SleepClock{Start: time.Now()})(ctx, callers(func(ctx context.Context, _ int, seq int64) End {
					if seq == 3 {
						<-ctx.Done()
						return End{Code: "CANCELLED"}
					}
					time.Sleep(100 * time.Millisecond)
					return Good
				}))
				if err != nil {
					t.Fatal(err)
				}
			})
			balanced(t, o)
			if o.Stopped || o.Window.Abandoned != 1 || o.Window.OK == 0 || o.End < 3*time.Second || o.End > 3100*time.Millisecond {
				t.Errorf("stopped %v, window %+v, ended at %v, want an end at 3 s with 1 abandoned", o.Stopped, o.Window, o.End)
			}
		})
	}
}

// A caller that ignores cancellation cannot hold the run: it is booked as
// abandoned after the grace.
func TestACallThatNeverReturnsIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := SleepClock{Start: time.Now()}
		release := make(chan struct{})
		phases := Phases{Window: time.Second}
		l := OpenLoop{Schedule: Uniform{Rate: 10, Duration: phases.End()}, Clock: clock, Phases: phases,
			Connections: 1, MaxInFlight: 1000, Drain: time.Second}
		o, err := l.Run(t.Context(), callers(func(_ context.Context, _ int, seq int64) End {
			if seq == 3 {
				<-release
			}
			return Good
		}))
		if err != nil {
			t.Fatal(err)
		}
		if w := o.Window; w.OK != 9 || w.Abandoned != 1 || w.Check() != nil {
			t.Errorf("window %+v (%v), want 9 ok and 1 abandoned", w, w.Check())
		}
		close(release)
	})
}

// Offered twice what it can serve, a server is left with half of the window's
// RPCs at its end, and the outcome says so.
func TestAnOverloadedServerShowsInWhatIsInFlightAtTheEnd(t *testing.T) {
	phases := Phases{Window: 10 * time.Second}
	var mu sync.Mutex
	busy := time.Duration(0) // until when the server is
	o := open(t, OpenLoop{Schedule: Uniform{Rate: 200, Duration: phases.End()}, Phases: phases}, func(c Clock) Call {
		return against(c, func(now time.Duration, _ int64) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			busy = max(busy, now) + 10*time.Millisecond // 100/s
			return busy
		})
	})
	// 2000 arrivals, 999 or 1000 served by the end; the last may have just ended.
	if got := o.Ends; got[0] != (Standing{}) || got[1].Started != 2000 || got[1].InFlight < 999 || got[1].InFlight > 1001 {
		t.Errorf("standing %+v at the window's ends, want nothing, then 2000 started and 1000 in flight", got)
	}
}

// callers is an engine for a loop.
func callers(call Call) Engine { return NewCallers(call, nil) }
