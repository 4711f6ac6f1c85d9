// Package truth holds no code but tests that measure what is known: servers that
// stall by the clock, delays drawn beforehand, CPU burnt on purpose, bytes counted
// twice, and faults planted into the program itself. They run real processes in
// real time and want an idle machine, so they carry the build tag truth and are
// run by hand.
package truth
