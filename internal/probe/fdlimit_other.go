//go:build !unix

package probe

// FDLimit is absent.
func FDLimit() (soft, hard uint64, ok bool) { return 0, 0, false }
