package compare

import (
	"fmt"

	"grpcbench/internal/ceiling"
	"grpcbench/internal/result"
)

// limit says what was used up at a level.
func (c climber) limit(found *result.Ceiling, l result.Level) {
	found.ClientCPU, found.ServerCPU = estimate(ceiling.Over(c.of(l, clientCPU))), estimate(ceiling.Over(c.of(l, serverCPU)))
	found.ClientShare, found.ServerShare = l.ClientShare, l.ServerShare
	found.OthersShare = c.others()
	b, servers := ceiling.Limit(found.Use(c.arm.Observed))
	found.Bottleneck, found.OfServer = string(b), servers
}

// others is the share of the machine that neither side used, and that was used.
func (c climber) others() *float64 {
	var sum float64
	n := 0
	for _, m := range c.r.Machine.Epochs {
		if m.CompetingShare == nil {
			continue
		}
		sum += *m.CompetingShare
		if m.StealShare != nil {
			sum += *m.StealShare
		}
		n++
	}
	if n == 0 {
		return nil
	}
	sum /= float64(n)
	return &sum
}

// overload names the bottleneck by what was used up right above the ceiling, where the
// SLO broke. A generator whose own lateness is half of the latency broke it itself, unless
// others took its CPUs; where its CPU was used up that is why it was late.
func (c climber) overload(found *result.Ceiling, above result.Level) {
	found.LimitAt, found.ClientShare, found.ServerShare = above.Rate, above.ClientShare, above.ServerShare
	use := found.Use(c.arm.Observed)
	b, servers := ceiling.Limit(use)
	if late(above) && b != ceiling.ClientCPU && !use.OthersMost() {
		b, servers = ceiling.Lag, false
	}
	found.Bottleneck, found.OfServer = string(b), servers
}

// late reports whether the generator's own lateness is more than half of the latency.
func late(l result.Level) bool {
	return l.Lag.P99 != nil && l.Latency.P99 != nil && 2**l.Lag.P99 > *l.Latency.P99
}

// judge notes the levels whose limit is looked for.
func (c *climber) judge(levels []result.Level) { c.judged = levels }

// whose says whose ceiling it is.
func (c climber) whose(f *result.Ceiling) string {
	switch b := ceiling.Bottleneck(f.Bottleneck); {
	case b == ceiling.Streams:
		return c.streamsText()
	case f.OfServer:
		return "the server's ceiling"
	case b == ceiling.ClientCPU:
		return "the generator's ceiling, not the server's"
	case b == ceiling.Lag:
		return "not the server's ceiling: the generator was late"
	case b == "":
		return unknown
	case f.Use(c.arm.Observed).OthersMost():
		return "nobody's ceiling: others used more of the CPUs than generator or server"
	case b == ceiling.Neither && c.oneCPU() > 0:
		return unknown
	case b == ceiling.ServerCPU || f.Use(c.arm.Observed).Contended():
		return "the ceiling of server and generator together, not of the server alone"
	}
	return unknown
}

// unknown is whose ceiling it is where nothing shows it.
const unknown = "a ceiling, of which it is not known whose"

// profiled is what to try where the server's CPU is known and was not used up.
const profiled = "try more --connections, and a profile of the server"

// why says, after what was found, what is known of the limit and what to try; "" where
// whose says it.
func (c climber) why(f *result.Ceiling) string {
	switch b := ceiling.Bottleneck(f.Bottleneck); {
	case f.OfServer || b == ceiling.Streams || b == ceiling.ClientCPU:
		return ""
	case b == ceiling.Lag:
		return c.lateText()
	case f.ServerShare == nil:
		return c.unknownText(f)
	case b != ceiling.Neither:
		return ""
	case f.Use(c.arm.Observed).OthersMost():
		return fmt.Sprintf("; others used %.3g %% of the CPUs: stop them", 100**f.OthersShare)
	case c.oneCPU() > 0:
		return fmt.Sprintf("; the server used %.2f CPUs, about one of several: its limit may be one worker or a lock: %s", c.oneCPU(), profiled)
	case f.Use(c.arm.Observed).Contended():
		return ""
	}
	return fmt.Sprintf("; the server used only %.3g %% of its CPUs: a lock, a wait or what lies between may be its limit: %s", 100**f.ServerShare, profiled)
}

// lateText says by how much the generator was late.
func (c climber) lateText() string {
	if len(c.judged) == 0 || c.judged[0].Lag.P99 == nil {
		return ""
	}
	l := c.judged[0]
	return fmt.Sprintf("; at %s RPC/s the generator was late by %s (p99), more than half of the latency: its CPU was not used up, something kept it from running",
		rpc(l.Rate), result.FormatDuration(float64(*l.Lag.P99)))
}

// unknownText says what to give so that the server's CPU is known.
func (c climber) unknownText(f *result.Ceiling) string {
	const notKnown = "; the server's CPU is not known: "
	switch t := c.r.Plan.Target; {
	case t == nil:
		return "; the server's CPU could not be read"
	case t.ServerPID > 0:
		return notKnown + "the processes of --server-pid used none that could be read"
	case !c.r.ServerAmongOthers(c.arm):
		return notKnown + "run the generator with --server-pid on the server's machine"
	case f.OthersShare != nil:
		return fmt.Sprintf("%suse --server-pid (other processes, with the server, used %.3g %% of the CPUs)", notKnown, 100**f.OthersShare)
	}
	return notKnown + "use --server-pid"
}

// oneCPU is how many CPUs the server used at most, where that is about one of several
// and did not grow to more with more load; else 0.
func (c climber) oneCPU() (most float64) {
	several := false
	for _, l := range c.judged {
		if l.ServerCPU == nil || l.ServerShare == nil || *l.ServerShare <= 0 {
			continue
		}
		if used := *l.ServerCPU * l.Offered / 1e9; used > most {
			most, several = used, used / *l.ServerShare >= 1.5
		}
	}
	if several && most >= 0.85 && most <= 1.1 {
		return most
	}
	return 0
}
