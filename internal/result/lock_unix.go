//go:build unix

package result

import (
	"errors"
	"os"
	"syscall"
)

// lock waits for the lock of f, which lasts until f is closed or the process ends
// (flock(2)). On a file system without locks it does nothing.
func lock(f *os.File) error {
	err := flock(f, syscall.LOCK_EX)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// tryLock takes the lock of f and says whether it could.
func tryLock(f *os.File) bool { return flock(f, syscall.LOCK_EX|syscall.LOCK_NB) == nil }

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}
