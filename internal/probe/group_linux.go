package probe

import "golang.org/x/sys/unix"

// Group returns the processes of the process group pgid, in no order. It is empty if
// there are none or the system does not tell. It costs a system call for each process
// of the machine.
func Group(pgid int) []int {
	var pids []int
	for _, pid := range processes() {
		if group, err := unix.Getpgid(pid); err == nil && group == pgid {
			pids = append(pids, pid)
		}
	}
	return pids
}
