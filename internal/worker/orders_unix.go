//go:build unix

package worker

import (
	"io"
	"os"
	"syscall"
	"time"
)

// parked is in, so that waiting for it holds no thread; in itself is not to be read any
// more. What is not a pipe, or holds no thread, is returned as it is.
//
// The standard input of a child is a pipe in blocking mode. Its reader goes back into
// read(2) at the moment at which an order begins to be carried out, and an order may
// stop the world, for a reading of the heap or a collection. In Go 1.26 a thread that
// enters a system call looks for such a stop before it says that it is in one
// (runtime/proc.go, reentersyscall): one that looks just before the stop and says it
// just after is waited for, and nobody takes its processor from it, as sysmon sleeps
// until the next timer is due, a minute at most. Then the child answers nothing.
func parked(in io.Reader) io.Reader {
	f, ok := in.(*os.File)
	if !ok || f.SetReadDeadline(time.Time{}) == nil { // only what is parked has deadlines
		return in
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return in
	}
	fd, err := duplicate(int(f.Fd()))
	if err != nil {
		return in
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd) // of no use
		return in
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// duplicate is a descriptor of what fd is one of, which no child inherits.
func duplicate(fd int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	d, err := syscall.Dup(fd)
	if err == nil {
		syscall.CloseOnExec(d)
	}
	return d, err
}
