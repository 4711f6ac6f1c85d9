package probe

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Group returns the processes of the process group pgid, in no order. It is empty if
// there are none or the system does not tell. It costs a system call for each process
// of the machine.
func Group(pgid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if group, err := unix.Getpgid(pid); err == nil && group == pgid {
			pids = append(pids, pid)
		}
	}
	return pids
}
