//go:build !linux

package probe

// Descendants returns roots: others are not known.
func Descendants(roots, except []int) []int { return roots }

// CPUOfTree is absent.
func CPUOfTree(roots, except []int) (ns int64, ok bool) { return 0, false }

// Holders is empty: they cannot be seen.
func Holders(local, remote string) []int { return nil }

// ProgramOf is not known.
func ProgramOf(int) string { return "" }
