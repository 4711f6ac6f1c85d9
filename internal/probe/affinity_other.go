//go:build !linux

package probe

// affinity is not known.
func (Machine) affinity([]int) map[int]bool { return nil }
