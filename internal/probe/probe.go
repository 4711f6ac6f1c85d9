// Package probe reads facts of this process, of other processes and of the
// machine: CPU clocks, allocations, garbage collection, resident memory, what else
// ran, how much the hypervisor took, how late threads woke.
//
// It judges nothing and knows nothing of RPCs. A fact that cannot be had is absent
// (ok is false, the pointer is nil, the text is empty), never zero. Linux is
// measured; elsewhere the package builds and most facts are absent.
package probe

import (
	"os"
	"path/filepath"
	"time"
)

// Machine is the machine a process runs on, seen through the kernel's files. The
// zero value is the real one. It may be used from several goroutines.
type Machine struct {
	// Root is the directory that holds proc and sys; "" means /.
	Root string
	// Wall is its wall clock; nil is the system's.
	Wall func() time.Time
}

// Now is the time of day. It can step, so it labels and measures nothing: it has no
// monotonic reading.
func (m Machine) Now() time.Time {
	if m.Wall != nil {
		return m.Wall().Round(0)
	}
	return time.Now().Round(0)
}

// read returns the content of the file at path, which is absolute on the machine;
// ok is false if it cannot be read.
func (m Machine) read(path string) (content []byte, ok bool) {
	root := m.Root
	if root == "" {
		root = "/"
	}
	content, err := os.ReadFile(filepath.Join(root, path))
	return content, err == nil
}
