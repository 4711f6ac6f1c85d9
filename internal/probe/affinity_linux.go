package probe

import "golang.org/x/sys/unix"

// affinity is the set of CPUs that any of the processes may run on, by number
// (sched_getaffinity(2)); nil: it is not known of one of them, or the machine is not the
// one that this process runs on.
func (m Machine) affinity(pids []int) map[int]bool {
	if m.Root != "" || len(pids) == 0 {
		return nil
	}
	all := map[int]bool{}
	for _, pid := range pids {
		var set unix.CPUSet
		if unix.SchedGetaffinity(pid, &set) != nil {
			return nil
		}
		for n := range len(set) * 64 {
			if set.IsSet(n) {
				all[n] = true
			}
		}
	}
	return all
}
