//go:build !linux

package probe

import "errors"

// Descendants returns roots: others are not known.
func Descendants(roots, except []int) []int { return roots }

// CPUOfTree is absent.
func CPUOfTree(roots, except []int) (ns int64, ok bool) { return 0, false }

// UsageOf is absent.
func UsageOf(roots, others, except []int, before Usage) (u Usage, ok bool) { return Usage{}, false }

// Holders are none: they cannot be seen.
func Holders(connections []Ends) [][]int { return make([][]int, len(connections)) }

// Find finds none.
func Find(int) (Process, error) {
	return Process{}, errors.New("is not supported on this system, which does not report the CPU time of other processes")
}

// ProgramOf is not known.
func ProgramOf(int) string { return "" }
