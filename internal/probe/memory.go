package probe

import (
	"bytes"
	"os"
	"path"
	"strconv"
)

// RSS is the memory of this process that is resident, in bytes.
func RSS() (bytes int64, ok bool) { return RSSOf(os.Getpid()) }

// RSSOf is the memory of process pid that is resident, in bytes, shared pages
// included. The kernel keeps the count per CPU and sums it loosely, so it may be
// off by some dozens of pages a CPU (proc_pid_statm(5)).
func RSSOf(pid int) (bytes int64, ok bool) {
	b, ok := Machine{}.read(path.Join("/proc", strconv.Itoa(pid), "statm"))
	if !ok {
		return 0, false
	}
	pages, ok := parseStatm(b)
	return pages * int64(os.Getpagesize()), ok
}

// parseStatm reads the resident pages, the second field of /proc/PID/statm
// (proc_pid_statm(5)).
func parseStatm(b []byte) (pages int64, ok bool) {
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(fields[1]), 10, 40) // so that bytes fit an int64
	return int64(n), err == nil
}

// memory returns the machine's memory and how much of it new programs could have
// without swapping, in bytes.
func (m Machine) memory() (total, available *int64) {
	b, ok := m.read("/proc/meminfo")
	if !ok {
		return nil, nil
	}
	return parseMeminfo(b, "MemTotal"), parseMeminfo(b, "MemAvailable")
}

// parseMeminfo reads one line of /proc/meminfo, "Name:  123 kB", in bytes
// (proc_meminfo(5)); nil if there is no such line.
func parseMeminfo(b []byte, name string) (size *int64) {
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != name+":" || string(fields[2]) != "kB" {
			continue
		}
		kib, err := strconv.ParseUint(string(fields[1]), 10, 50) // so that bytes fit an int64
		if err != nil {
			return nil
		}
		return new(int64(kib) << 10)
	}
	return nil
}
