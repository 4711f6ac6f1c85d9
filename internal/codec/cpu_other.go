//go:build !linux

package codec

import "time"

// threadCPU has no clock to read here; ok is always false.
func threadCPU() (used time.Duration, ok bool) { return 0, false }
