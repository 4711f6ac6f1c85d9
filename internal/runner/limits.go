package runner

import (
	"fmt"

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
	perTarget := map[string]int{}
	for _, a := range p.Arms {
		n := a.Settings.Connections
		if files > 0 && uint64(n)+spareFiles > files {
			return fmt.Errorf("--connections %d: must be at most %d with a limit of %d open files (raise it with ulimit -n)", n, int64(files)-spareFiles, files)
		}
		address := a.Settings.Target
		if address == "" {
			address = a.Name // a bundled server listens on a port of its own
		}
		perTarget[address] += n
		// A fifth is left to others, and to ports that linger after a connection.
		if most := ports - ports/5; ports > 0 && perTarget[address] > most {
			return fmt.Errorf("--connections %d: must be at most %d to one address, all arms together, with %d local ports (widen ip_local_port_range)", n, most, ports)
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
	if t := r.plan.Target; t != nil && t.ServerPID > 0 {
		if _, ok := probe.CPUOf(t.ServerPID); !ok {
			return fmt.Errorf("%w: --server-pid %d: must be a process of this machine, on a system that tells its CPU time", ErrPreflight, t.ServerPID)
		}
	}
	return nil
}
