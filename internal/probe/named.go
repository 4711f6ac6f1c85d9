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
