//go:build !linux

package verify

import "time"

// sleep is Go's, which may be late by a millisecond.
func sleep(d time.Duration) { pause(d) }

// spend keeps the thread busy for d.
func spend(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
