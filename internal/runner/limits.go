package runner

import (
	"fmt"
	"time"

	"grpcbench/internal/address"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
)

// spareFiles is what a process needs open besides its connections.
const spareFiles = 64

// limits refuses a plan that this machine's limits cannot carry, before anything
// is started. A server and its generator are separate processes, so each has the
// limit of open files for itself; local ports are shared by all connections to
// one address.
func limits(p plan.Plan, files uint64, ports int) error {
	if p.Handshakes != nil {
		return handshakeLimits(p, files, ports)
	}
	perTarget := map[string]int{}
	for _, a := range p.Arms {
		n, each := a.Settings.Connections, 1
		if a.Settings.Churns() {
			each = 2 // a connection stands beside the one that takes its place
		}
		if err := enoughFiles("--connections", n, each, files); err != nil {
			return err
		}
		if address.IsUnix(a.Settings.Target) {
			continue // no port is taken
		}
		to := a.Settings.Target
		if to == "" {
			to = a.Name // a bundled server listens on a port of its own
		}
		lingering := lingers(p, a)
		perTarget[to] += n + lingering
		// A fifth is left to others, and to ports that linger after a connection.
		if most := ports - ports/5; ports > 0 && perTarget[to] > most {
			if lingering > 0 {
				return fmt.Errorf("%s: replaces %d connections within the minute for which a port stays taken: must leave %d of %d local ports free to one address, all arms together (take less, or widen ip_local_port_range)",
					replacedBy(a.Settings), lingering, ports/5, ports)
			}
			return fmt.Errorf("--connections %d: must be at most %d to one address, all arms together, with %d local ports (widen ip_local_port_range)", n, most, ports)
		}
	}
	return nil
}

// enoughFiles refuses n of what a flag asks for, each with so many files, if they are more
// than the limit allows; 0: there is none.
func enoughFiles(flag string, n, each int, limit uint64) error {
	needed, most, when := n*each+spareFiles, (int64(limit)-spareFiles)/int64(each), ""
	if each > 1 {
		when = " when they are replaced,"
	}
	switch {
	case limit == 0 || uint64(needed) <= limit:
		return nil
	case most < 1:
		return fmt.Errorf("%s %d: needs a limit of %d open files, and it is %d (raise it with ulimit -n)", flag, n, needed, limit)
	}
	return fmt.Errorf("%s %d: must be at most %d%s with a limit of %d open files, or the limit be %d (raise it with ulimit -n)", flag, n, most, when, limit, needed)
}

// handshakeLimits is limits for connections that are opened and closed again: as many
// are open as are being opened at once, and the ports of the last minute are in use.
func handshakeLimits(p plan.Plan, files uint64, ports int) error {
	h := *p.Handshakes
	if err := enoughFiles("--concurrency", p.Load.Concurrency, 1, files); err != nil {
		return err
	}
	perTarget := map[string]int{}
	for _, a := range p.Arms {
		if to := a.Settings.Target; address.IsUnix(to) {
			continue // no port is taken
		} else if to != "" {
			perTarget[to] += h.Of(a.Settings) * p.Epochs.Max
		} else {
			perTarget[a.Name] = h.Of(a.Settings) // each epoch has a port of its own
		}
	}
	for _, needed := range perTarget {
		if h.Rate > 0 {
			needed = min(needed, int(h.Rate*timeWait.Seconds()))
		}
		if most := ports - ports/5; ports > 0 && needed > most {
			return fmt.Errorf("--handshakes %d: needs %d local ports to one address, and of %d there may be %d used (widen ip_local_port_range, or lower --handshakes or --rate)", h.Count, needed, ports, most)
		}
	}
	return nil
}

func (r *run) checkLimits() error {
	_, files, _ := probe.FDLimit() // 0: unknown, and not held against the plan
	ports := 0
	if lo, hi, ok := r.machine.PortRange(); ok {
		ports = hi - lo + 1
	}
	if err := limits(r.plan, files, ports); err != nil {
		return fmt.Errorf("%w: %w", ErrPreflight, err)
	}
	if t := r.plan.Target; t != nil {
		for _, pid := range t.PIDs() {
			p, err := probe.Find(pid)
			if err != nil {
				return fmt.Errorf("%w: --server-pid %d: %w", ErrPreflight, pid, err)
			}
			r.named = append(r.named, p)
		}
	}
	return nil
}

// timeWait is how long Linux keeps the port of a connection that our side closed
// (TCP_TIMEWAIT_LEN).
const timeWait = time.Minute

// lingers is how many ports of an arm's replaced connections may be taken at once: what
// is replaced in a minute, or in all the time in which its server has one address. It
// leaves out what a closed loop replaces for the number of its RPCs, which nobody knows
// before; there a port that is not to be had is counted as CLIENT_LIMIT.
func lingers(p plan.Plan, a plan.Arm) int {
	rate := a.Settings.Replacements()
	if n := a.Settings.MaxRPCs; n > 0 {
		rate = p.ArmRate() / float64(n)
	}
	lasts := p.Warmup + p.Window + p.Saturated
	if a.Settings.Target != "" {
		lasts *= time.Duration(p.Epochs.Max)
	}
	return int(rate * min(lasts, timeWait).Seconds())
}

// replacedBy names the flag that replaces connections.
func replacedBy(s plan.Settings) string {
	switch {
	case s.MaxRPCs > 0:
		return fmt.Sprintf("--max-rpcs-per-connection %d", s.MaxRPCs)
	case s.ConnectionAge > 0:
		return fmt.Sprintf("--connection-age %v", s.ConnectionAge)
	}
	return fmt.Sprintf("--churn %v/s", s.Churn)
}
