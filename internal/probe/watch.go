package probe

import (
	"os"
	"slices"
	"time"

	"grpcbench/internal/hist"
)

// Interval is what the machine did between a Watch's start and its stop. Shares
// are of the time of the CPUs that our processes may use, in [0, 1]: those that the
// affinity of one of them allows, and no more of these than a cgroup quota does. What runs
// elsewhere takes nothing from them. A pointer is nil when the fact cannot be had.
//
// OursShare is exact. The machine's own account is shown in ticks of 10 ms, so
// CompetingShare and StealShare are known to 10 ms / (Elapsed × CPUs) at best.
type Interval struct {
	Elapsed time.Duration // monotonic
	CPUs    int           // online, of those that our processes may run on; 0 when unknown or changed meanwhile

	OursShare      *float64 // used by this process and those named; nil if one of them ended meanwhile
	CompetingShare *float64 // used by everything else, the kernel's interrupts included; at least 0
	StealShare     *float64 // kept from this machine by its hypervisor

	// How late a thread woke that slept to instants 20 ms apart. A stall delays all
	// the wakes that fall into it, and each of them counts.
	HiccupP50, HiccupP99, HiccupMax *time.Duration

	Throttled    *time.Duration // CPU time withheld by cgroup quotas
	ClockStep    time.Duration  // wall clock's elapsed minus Elapsed: a step, or the machine was suspended
	MemAvailable *int64         // bytes; the lower of those at the two ends
	OtherRuns    []int          // see Machine.OtherRuns; at the end
}

// Watch observes a machine until it is stopped. It costs one thread that wakes 50
// times a second, 0.3 to 0.8 % of a core.
type Watch struct {
	machine Machine
	pids    []int
	start   reading
	hiccups *hiccups // nil where threads cannot be made to sleep exactly
}

// Watch begins to observe the machine. The processes pids and the one that calls
// are ours; all others compete with them. The caller must Stop it, and should do
// little in between: the hiccup meter needs one of its Ps to wake.
func (m Machine) Watch(pids ...int) *Watch {
	ours := append([]int{os.Getpid()}, pids...)
	slices.Sort(ours)
	w := &Watch{machine: m, pids: slices.Compact(ours), hiccups: startHiccups()}
	w.start = m.reading(w.pids)
	return w
}

// Stop ends the observation and returns what was seen. It waits for the hiccup
// meter's last wake, at most 20 ms and a hiccup. Call it once.
func (w *Watch) Stop() Interval {
	i := between(w.start, w.machine.reading(w.pids))
	if w.hiccups != nil {
		i.addHiccups(w.hiccups.wait())
	}
	i.OtherRuns = w.machine.OtherRuns() // which reads all processes, and is not to be measured
	return i
}

// addHiccups adds the quantiles of the wakes' lateness; late may be nil.
func (i *Interval) addHiccups(late *hist.Histogram) {
	if late == nil || late.Count() == 0 {
		return
	}
	p50, _ := late.Quantile(0.50, late.Count()) // there is one, as Count is not 0
	p99, _ := late.Quantile(0.99, late.Count())
	i.HiccupP50, i.HiccupP99 = new(time.Duration(p50)), new(time.Duration(p99))
	i.HiccupMax = new(time.Duration(late.Max()))
}

// reading is the machine's account at one instant. A nil fact could not be had.
type reading struct {
	at, wall  time.Time      // the same instant on the monotonic and on the wall clock
	ours      *time.Duration // CPU time of our processes together
	cpus      *cpuTimes
	quota     float64 // of CPUs; 0: none
	throttled *time.Duration
	available *int64
}

func (m Machine) reading(pids []int) reading {
	now := time.Now()
	r := reading{at: now, wall: now.Round(0), ours: cpuOfAll(pids)}
	if m.Wall != nil {
		r.wall = m.Now()
	}
	if b, ok := m.read("/proc/stat"); ok {
		if t, ok := parseStat(b, m.affinity(pids)); ok {
			r.cpus = &t
		}
	}
	group := m.cgroup()
	r.quota, r.throttled = group.quota(), group.throttled()
	_, r.available = m.memory()
	return r
}

// cpuOfAll is the CPU time of all pids together; nil if one cannot be read.
func cpuOfAll(pids []int) *time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		ns, ok := CPUOf(pid)
		if !ok {
			return nil
		}
		sum += time.Duration(ns)
	}
	return &sum
}

// between is what happened from a to b, hiccups excepted. With n the number of CPUs, q
// the quota or n, and t the time of all CPUs, elapsed × n,
//
//	ours = Σ CPU of our processes / (elapsed × q),  steal = Δ steal / t,
//	others = max(0, n × (1 − Δ idle / t − steal) − q × ours),
//	competing = max(0, others − (n − q)) / q:
//
// a quota leaves room for others, who take from what it allows only beyond that.
func between(a, b reading) Interval {
	i := Interval{Elapsed: b.at.Sub(a.at)}
	i.ClockStep = b.wall.Sub(a.wall) - i.Elapsed
	i.Throttled = grown(a.throttled, b.throttled)
	i.MemAvailable = b.available
	if a.available != nil && (b.available == nil || *a.available < *b.available) {
		i.MemAvailable = a.available
	}
	if a.cpus == nil || b.cpus == nil || a.cpus.cpus != b.cpus.cpus || i.Elapsed <= 0 {
		return i
	}
	i.CPUs = b.cpus.cpus
	n := float64(i.CPUs)
	q := limited(i.CPUs, b.quota)
	share := func(d *time.Duration, cpus float64) *float64 {
		if d == nil {
			return nil
		}
		// Readings of two clocks are not of one instant.
		return new(min(1, float64(*d)/(float64(i.Elapsed)*cpus)))
	}
	i.OursShare = share(grown(a.ours, b.ours), q)
	i.StealShare = share(grown(&a.cpus.steal, &b.cpus.steal), n)
	idle := share(grown(&a.cpus.idle, &b.cpus.idle), n)
	if idle != nil && i.StealShare != nil && i.OursShare != nil {
		others := max(0, n*(1-*idle-*i.StealShare)-q**i.OursShare)
		i.CompetingShare = new(max(0, others-(n-q)) / q)
	}
	return i
}

// grown is how much a counter grew from a to b; nil if it is not known at both
// ends, or ran backwards, as it may when a virtual machine is moved.
func grown(a, b *time.Duration) *time.Duration {
	if a == nil || b == nil || *b < *a {
		return nil
	}
	return new(*b - *a)
}
