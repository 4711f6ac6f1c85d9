package probe

// Ends are the two ends of a connection as its client sees them: HOST:PORT or, of a Unix
// socket, # with the inode of the client's own and its address.
type Ends struct{ Local, Remote string }

// Process is one that was named by its number, which another may have later.
type Process struct {
	PID     int
	Started uint64 // in ticks since the machine has
}

// Runs reports whether the process is there, has not ended and is the one that was found.
func (p Process) Runs() bool {
	s, ok := Machine{}.statOf(p.PID)
	return ok && !s.ended && s.started == p.Started
}

// Usage is the CPU time of processes and their descendants at one instant. The zero value is
// of none.
type Usage struct {
	NS int64 // of those that run, and of those that have ended and were waited for by one of them
	of map[Process]spent
}

// spent is CPU time in nanoseconds.
type spent struct{ own, waited int64 }

// Since is what was used since an earlier usage. ok is false if a part of it is not known: a
// process has ended and nobody has waited for it, such as a child of one that ignores SIGCHLD.
func (u Usage) Since(before Usage) (ns int64, ok bool) {
	var ended, waited int64
	rounding := int64(0) // of user and system time, to ticks
	for p, was := range before.of {
		if _, still := u.of[p]; still {
			waited -= was.waited
			continue
		}
		ended += was.own + was.waited
		rounding += 2 * int64(tick)
	}
	for _, is := range u.of {
		waited += is.waited
	}
	return u.NS - before.NS, waited+rounding >= ended
}
