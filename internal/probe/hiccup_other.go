//go:build !linux

package probe

// withSleeper has no thread that sleeps exactly; ok is false and f does not run.
func withSleeper(f func(sleeper)) (ok bool) { return false }
