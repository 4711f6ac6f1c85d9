package probe

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cgroup is where the kernel keeps the CPU limits of this process. The zero value
// has none.
type cgroup struct {
	machine Machine
	v1      bool
	dirs    []string // the process's own first, then each that holds it
}

// cgroup finds the cgroup of this process in the hierarchy that has the CPU
// controller (cgroups(7)). In a container only the levels mounted there are seen.
func (m Machine) cgroup() cgroup { return m.cgroupOf("self") }

// cgroupOf finds that of a process, by its name in /proc.
func (m Machine) cgroupOf(process string) cgroup {
	membership, ok1 := m.read("/proc/" + process + "/cgroup")
	mounts, ok2 := m.read("/proc/self/mountinfo")
	if !ok1 || !ok2 {
		return cgroup{}
	}
	own, v1, ok := parseCgroup(membership)
	if !ok {
		return cgroup{}
	}
	root, point, ok := parseMountinfo(mounts, v1)
	if !ok {
		return cgroup{}
	}
	return cgroup{machine: m, v1: v1, dirs: levels(root, point, own)}
}

// levels returns the directories of the cgroup own and of all above it, where the
// cgroup root is mounted at point. A cgroup outside of root is not to be seen; the
// mount itself is then the nearest level.
func levels(root, point, own string) (dirs []string) {
	rel, inside := strings.CutPrefix(own, strings.TrimSuffix(root, "/"))
	if !inside || (rel != "" && rel[0] != '/') {
		rel = ""
	}
	for rel = path.Clean("/" + rel); rel != "/"; rel = path.Dir(rel) {
		dirs = append(dirs, path.Join(point, rel))
	}
	return append(dirs, point)
}

// quota is the number of CPUs the tightest level allows; 0 if none is known to
// limit them.
func (c cgroup) quota() (cpus float64) {
	for _, dir := range c.dirs {
		text := c.machine.line(path.Join(dir, "cpu.max"))
		if c.v1 {
			text = c.machine.line(path.Join(dir, "cpu.cfs_quota_us")) + " " +
				c.machine.line(path.Join(dir, "cpu.cfs_period_us"))
		}
		if q, limited := parseQuota(text); limited && (cpus == 0 || q < cpus) {
			cpus = q
		}
	}
	return cpus
}

// throttled is how long all levels together have kept CPUs from their processes
// since they were made; nil if no level counts it.
func (c cgroup) throttled() (total *time.Duration) {
	for _, dir := range c.dirs {
		b, ok := c.machine.read(path.Join(dir, "cpu.stat"))
		if !ok {
			continue
		}
		if t, ok := parseThrottled(b); ok {
			if total == nil {
				total = new(time.Duration)
			}
			*total += t
		}
	}
	return total
}

// parseCgroup reads the process's path from /proc/self/cgroup, whose lines are
// hierarchy:controllers:path. The CPU controller is in a hierarchy of its own
// (version 1) or in the unified one, number 0 (version 2).
func parseCgroup(b []byte) (own string, v1, ok bool) {
	for line := range bytes.Lines(b) {
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "/") {
			continue
		}
		if hasCPU(fields[1]) {
			return fields[2], true, true
		}
		if fields[0] == "0" && fields[1] == "" {
			own, ok = fields[2], true
		}
	}
	return own, false, ok
}

// parseMountinfo finds in /proc/self/mountinfo which cgroup directory is mounted
// (root) and where (point), for the hierarchy with the CPU controller. A line is
//
//	36 35 98:0 /root /point options optional... - type source super-options
//
// with space, tab, newline and backslash as octal escapes (proc_pid_mountinfo(5)).
func parseMountinfo(b []byte, v1 bool) (root, point string, ok bool) {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range bytes.Lines(b) {
		before, after, found := strings.Cut(string(line), " - ")
		mount, kind := strings.Fields(before), strings.Fields(after)
		if !found || len(mount) < 5 || len(kind) < 3 {
			continue
		}
		if (v1 && kind[0] == "cgroup" && hasCPU(kind[2])) || (!v1 && kind[0] == "cgroup2") {
			return unescape.Replace(mount[3]), unescape.Replace(mount[4]), true
		}
	}
	return "", "", false
}

// parseQuota reads "quota period" in microseconds, as CPUs. A quota of "max" or -1
// is none.
func parseQuota(text string) (cpus float64, limited bool) {
	quota, period, _ := strings.Cut(text, " ")
	q, err1 := strconv.ParseUint(quota, 10, 63)
	p, err2 := strconv.ParseUint(period, 10, 63)
	if err1 != nil || err2 != nil || q == 0 || p == 0 {
		return 0, false
	}
	return float64(q) / float64(p), true
}

// parseThrottled reads the time throttled from a cpu.stat: throttled_usec in
// version 2 (Linux, Documentation/admin-guide/cgroup-v2.rst), throttled_time in
// nanoseconds in version 1 (Documentation/scheduler/sched-bwc.rst).
func parseThrottled(b []byte) (t time.Duration, ok bool) {
	for line := range bytes.Lines(b) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		unit := time.Duration(0)
		switch name {
		case "throttled_usec":
			unit = time.Microsecond
		case "throttled_time":
			unit = time.Nanosecond
		default:
			continue
		}
		n, err := strconv.ParseUint(value, 10, 53) // so that nanoseconds fit an int64
		return time.Duration(n) * unit, err == nil
	}
	return 0, false
}

// hasCPU says whether cpu is one of a list's words, which commas separate.
func hasCPU(list string) bool { return slices.Contains(strings.Split(list, ","), "cpu") }
