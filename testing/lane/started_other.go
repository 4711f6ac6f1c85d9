//go:build !unix

package lane

// started is not known here.
func started() bool { return false }
