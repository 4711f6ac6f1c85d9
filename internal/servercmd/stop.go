package servercmd

import "time"

// OneStop is how soon after a signal the same one is still the same stop: timeout(1) and
// service managers send one to the process and one to its group. It is shorter than what
// an interrupted run waits for RPCs in flight, so that a second Ctrl-C still cuts that short.
const OneStop = 500 * time.Millisecond
