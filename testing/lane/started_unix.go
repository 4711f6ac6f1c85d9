//go:build unix

package lane

import "syscall"

// started says whether this process has waited for the end of a child. The memory
// that children have used is that of the largest, and none used nothing: getrusage(2).
func started() bool {
	var u syscall.Rusage
	return syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u) == nil && u.Maxrss > 0
}
