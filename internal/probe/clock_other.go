//go:build !linux

package probe

import "time"

// Monotonic is the wall clock in nanoseconds: the only one here that all processes
// of the machine share. It can step.
func Monotonic() int64 { return time.Now().UnixNano() }

// ProcessCPU is absent.
func ProcessCPU() (ns int64, ok bool) { return 0, false }

// ThreadCPU is absent.
func ThreadCPU() (ns int64, ok bool) { return 0, false }

// CPUOf is absent.
func CPUOf(pid int) (ns int64, ok bool) { return 0, false }
