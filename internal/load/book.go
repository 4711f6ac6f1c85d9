package load

import (
	"sync"
	"time"

	"grpcbench/internal/hist"
)

// Sample is one RPC that ended. Times are offsets from the common start.
type Sample struct {
	Intended time.Duration // when the schedule wanted it
	Sent     time.Duration // when the caller began it
	Done     time.Duration // when the caller had its outcome
	End      End
}

// Latency is what a client that arrived on schedule would have waited. It
// counts the time the RPC spent waiting to be sent, so a stalled server cannot
// hide the arrivals it delayed (coordinated omission; Tene, wrk2).
func (s Sample) Latency() time.Duration { return s.Done - s.Intended }

// ServiceTime is how long the RPC itself took.
func (s Sample) ServiceTime() time.Duration { return s.Done - s.Sent }

// Lag is how late the generator itself was.
func (s Sample) Lag() time.Duration { return s.Sent - s.Intended }

// Phases divides a run by intended start: [0, Warmup) is not measured,
// [Warmup, Warmup+Window) is. A call belongs to its intended start wherever it
// ends.
type Phases struct {
	Warmup, Window time.Duration
}

// End is when the last arrival may be due.
func (p Phases) End() time.Duration { return p.Warmup + p.Window }

const (
	intervalLength = time.Second
	// Intervals whose histograms are held open at once before the oldest finished
	// one is folded away: enough that an ordinary window never folds while it is
	// being measured, few enough that a long run's memory stays flat.
	openIntervals = 3
	// Two halves keep the callers of a saturated loop from waiting for one lock;
	// more only cost memory.
	shards = 2
)

// Book records what became of every arrival of one run, by the second of its
// intended start. Its methods may be called from any goroutine; recording does
// not allocate.
type Book struct {
	phases Phases

	mu      sync.Mutex // guards the account and the order of folding
	account Account
	folded  int      // intervals, those given away too
	second  interval // scratch: one interval of all shards
	shard   [shards]shard
}

// shard is a part of the book with a lock of its own.
type shard struct {
	mu     sync.Mutex
	warmup counts
	first  int         // index of open[0]
	open   []*interval // in time order
	spare  []*interval // emptied, for reuse
	late   counts      // of what is booked after Close; read by nobody
	_      [64]byte    // keep neighbours off this cache line
}

// counts is a ledger without allocation on its common path.
type counts struct {
	scheduled, started, ok, abandoned, waited int64
	notStarted, expected                      map[string]int64 // nil until needed
	failed                                    map[End]int64    // likewise
}

// interval is one second of one shard.
type interval struct {
	counts
	latency, service, lag *hist.Histogram
}

// Interval is one second of a window, closed.
type Interval struct {
	Start                 time.Duration // after the window began
	Ledger                Ledger
	Latency, Service, Lag hist.Encoded // of ok, ok and started calls
	P50, P99, Max         int64        // of latency in ns; valid when the rank exists
	HasP50, HasP99        bool         // false: the rank falls among calls without a latency
	LagP99                int64        // of lag in ns; valid when a call was started
}

// Account is a closed book.
type Account struct {
	Warmup                Ledger
	Window                Ledger
	Intervals             []Interval      // of the window, in time order, one second each, but for those given away; the last may be shorter
	Latency, Service, Lag *hist.Histogram // of the window: ok, ok and started calls
}

// NewBook returns an empty book for a run of the given phases.
func NewBook(p Phases) *Book {
	b := &Book{phases: p, second: *newInterval(),
		account: Account{Latency: hist.New(), Service: hist.New(), Lag: hist.New()}}
	n := min(b.intervals(), openIntervals)
	for i := range b.shard {
		s := &b.shard[i]
		for range n {
			s.open = append(s.open, newInterval())
		}
	}
	return b
}

func newInterval() *interval {
	return &interval{latency: hist.New(), service: hist.New(), lag: hist.New()}
}

// intervals is the number of intervals of the window; the last may be shorter.
func (b *Book) intervals() int {
	return int((b.phases.Window + intervalLength - 1) / intervalLength)
}

// at returns the counts and, inside the window, the interval that an arrival
// intended at t belongs to. The shard is locked.
func (b *Book) at(s *shard, t time.Duration) (*counts, *interval) {
	if t < b.phases.Warmup {
		return &s.warmup, nil
	}
	i := int((t-b.phases.Warmup)/intervalLength) - s.first
	if i < 0 {
		return &s.late, nil
	}
	for i >= len(s.open) {
		s.open = append(s.open, s.take())
	}
	return &s.open[i].counts, s.open[i]
}

// take returns an empty interval.
func (s *shard) take() *interval {
	if n := len(s.spare); n > 0 {
		iv := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return iv
	}
	return newInterval()
}

// Scheduled books an arrival. Every arrival is booked by it once, before
// anything else is said of it.
func (b *Book) Scheduled(seq int64, intended time.Duration) {
	s := &b.shard[seq%shards]
	s.mu.Lock()
	c, _ := b.at(s, intended)
	c.scheduled++
	s.mu.Unlock()
}

// NotStarted books that an arrival was not started.
func (b *Book) NotStarted(seq int64, intended time.Duration, reason string) {
	s := &b.shard[seq%shards]
	s.mu.Lock()
	c, _ := b.at(s, intended)
	if c.notStarted == nil {
		c.notStarted = map[string]int64{}
	}
	c.notStarted[reason]++
	s.mu.Unlock()
}

// Started books that an arrival was started at sent.
func (b *Book) Started(seq int64, intended, sent time.Duration) {
	s := &b.shard[seq%shards]
	s.mu.Lock()
	c, iv := b.at(s, intended)
	c.started++
	if iv != nil {
		iv.lag.Record(int64(sent - intended))
	}
	s.mu.Unlock()
}

// Waited books that a started RPC had to wait for a stream. It comes before the RPC's end.
func (b *Book) Waited(seq int64, intended time.Duration) {
	s := &b.shard[seq%shards]
	s.mu.Lock()
	c, _ := b.at(s, intended)
	c.waited++
	s.mu.Unlock()
}

// Ended books how a started RPC ended.
func (b *Book) Ended(seq int64, x Sample) {
	s := &b.shard[seq%shards]
	s.mu.Lock()
	c, iv := b.at(s, x.Intended)
	if x.End.Good() {
		c.ok++
		if x.End.Code != OK {
			if c.expected == nil {
				c.expected = map[string]int64{}
			}
			c.expected[x.End.Code]++
		}
		if iv != nil {
			iv.latency.Record(int64(x.Latency()))
			iv.service.Record(int64(x.ServiceTime()))
		}
	} else {
		if c.failed == nil {
			c.failed = map[End]int64{}
		}
		c.failed[x.End]++
	}
	s.mu.Unlock()
}

// Abandoned books that a started RPC was given up by the generator.
func (b *Book) Abandoned(seq int64, intended time.Duration) {
	s := &b.shard[seq%shards]
	s.mu.Lock()
	c, _ := b.at(s, intended)
	c.abandoned++
	s.mu.Unlock()
}

// settled says whether all that was scheduled in c has ended.
func (c *counts) settled() bool {
	l := c.ledger()
	return l.Scheduled == l.Started+l.Unstarted() && l.Started == l.OK+l.Failures()+l.Abandoned
}

func (c *counts) ledger() Ledger {
	l := Ledger{Scheduled: c.scheduled, Started: c.started, OK: c.ok, Abandoned: c.abandoned, StreamWaits: c.waited, NotStarted: c.notStarted, OKByCode: c.expected}
	var sum Ledger
	sum.Add(l)
	for end, n := range c.failed {
		sum.Fail(end, n)
	}
	return sum
}

// Fold merges the oldest intervals that lie wholly before now and have nothing
// left in flight, until no more than a bounded number is held open. It is what
// keeps the memory of a long run flat; call it about once a second, from one
// goroutine. They are given to take, when it is not nil, and else kept.
func (b *Book) Fold(now time.Duration, take func(Interval) error) error {
	for {
		done, err := b.foldOldest(now, openIntervals-2)
		if done || err != nil {
			return err
		}
		if take == nil {
			continue
		}
		for _, iv := range b.giveAway() {
			if err := take(iv); err != nil {
				return err
			}
		}
	}
}

// giveAway returns the intervals that were folded and forgets them.
func (b *Book) giveAway() []Interval {
	b.mu.Lock()
	defer b.mu.Unlock()
	given := b.account.Intervals
	b.account.Intervals = nil
	return given
}

// foldOldest folds one interval; done says that there is none to fold.
func (b *Book) foldOldest(now time.Duration, keep int) (done bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.folded
	end := b.phases.Warmup + time.Duration(i+1)*intervalLength
	if i >= b.intervals() || now < end || int((now-b.phases.Warmup)/intervalLength)-i < keep {
		return true, nil
	}
	for k := range b.shard {
		if !b.shard[k].oldestSettled() {
			return true, nil
		}
	}
	return false, b.fold(i)
}

func (s *shard) oldestSettled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open) == 0 || s.open[0].settled()
}

// fold moves interval i, the oldest, of all shards into the account. b.mu is held.
func (b *Book) fold(i int) error {
	sum := Ledger{}
	for k := range b.shard {
		l, err := b.shard[k].giveOldest(&b.second)
		if err != nil {
			return err
		}
		sum.Add(l)
	}
	out := Interval{Start: time.Duration(i) * intervalLength, Ledger: sum, Max: b.second.latency.Max()}
	out.P50, out.HasP50 = b.second.latency.Quantile(0.50, sum.Scheduled)
	out.P99, out.HasP99 = b.second.latency.Quantile(0.99, sum.Scheduled)
	out.LagP99, _ = b.second.lag.Quantile(0.99, b.second.lag.Count())
	for _, f := range []struct {
		total, second *hist.Histogram
		text          *hist.Encoded
	}{
		{b.account.Latency, b.second.latency, &out.Latency},
		{b.account.Service, b.second.service, &out.Service},
		{b.account.Lag, b.second.lag, &out.Lag},
	} {
		var err error
		if *f.text, err = f.second.Encode(); err != nil {
			return err
		}
		if err := f.total.Merge(f.second); err != nil {
			return err
		}
		f.second.Reset()
	}
	b.account.Window.Add(sum)
	b.account.Intervals = append(b.account.Intervals, out)
	b.folded++
	return nil
}

// giveOldest adds the oldest open interval's histograms to sum, returns its
// ledger and empties it for reuse.
func (s *shard) giveOldest(sum *interval) (Ledger, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first++
	if len(s.open) == 0 {
		return Ledger{}, nil
	}
	iv := s.open[0]
	s.open = append(s.open[:0], s.open[1:]...)
	for _, m := range []struct{ to, from *hist.Histogram }{
		{sum.latency, iv.latency}, {sum.service, iv.service}, {sum.lag, iv.lag},
	} {
		if err := m.to.Merge(m.from); err != nil {
			return Ledger{}, err
		}
		m.from.Reset()
	}
	l := iv.ledger()
	iv.counts = counts{}
	s.spare = append(s.spare, iv)
	return l, nil
}

// Close folds everything and returns the account. What is booked afterwards, by
// callers that never came back in time, is ignored.
//
// stuck is the number of RPCs whose callers never came back. If exactly that
// many were started and have not ended, they are booked as abandoned; otherwise
// something was lost, the ledgers are left as they are, and their sums do not
// hold.
func (b *Book) Close(stuck int64) (*Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := b.folded; i < b.intervals(); i++ {
		if err := b.fold(i); err != nil {
			return nil, err
		}
	}
	a := &b.account
	for k := range b.shard {
		s := &b.shard[k]
		s.mu.Lock()
		a.Warmup.Add(s.warmup.ledger())
		s.mu.Unlock()
	}
	if stuck > 0 && a.Warmup.unended()+a.Window.unended() == stuck {
		a.Warmup.Abandoned += a.Warmup.unended()
		a.Window.Abandoned += a.Window.unended()
		for i := range a.Intervals {
			l := &a.Intervals[i].Ledger
			l.Abandoned += l.unended()
		}
	}
	return a, nil
}

// unended is the number of started RPCs of which no end was booked.
func (l Ledger) unended() int64 { return l.Started - l.OK - l.Failures() - l.Abandoned }
