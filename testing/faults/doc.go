// Package faults holds no code but tests of whole processes: the program as a
// user runs it, against a server that is a process of its own, while one of them
// is killed, frozen, started again, or starved of what it needs.
package faults
