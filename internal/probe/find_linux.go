package probe

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

var errNoProcess = errors.New("must be a process of this machine, on a system that tells its CPU time")

// Find returns the process that now has a number. The error says why there is none whose
// CPU time can be read, and which one may be meant.
func Find(pid int) (Process, error) {
	s, ok := Machine{}.statOf(pid)
	if !ok {
		return Process{}, errNoProcess
	}
	if of := processOf(pid); of > 0 && of != pid {
		return Process{}, fmt.Errorf("is a thread: name its process, %d (%s)", of, ProgramOf(of))
	}
	if s.ended {
		return Process{}, fmt.Errorf("has ended, and its parent, %d (%s), has not waited for it", s.parent, ProgramOf(s.parent))
	}
	if _, ok := CPUOf(pid); !ok {
		return Process{}, errNoProcess
	}
	return Process{PID: pid, Started: s.started}, nil
}

// processOf is the process that a thread is of; 0 if there is no such thread.
func processOf(tid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid)) // unreadable is empty
	for line := range strings.Lines(string(b)) {
		if text, found := strings.CutPrefix(line, "Tgid:"); found {
			pid, _ := strconv.Atoi(strings.TrimSpace(text)) // the kernel's is a number
			return pid
		}
	}
	return 0
}
