package probe

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Descendants returns the processes roots and all that descend from them, but for except
// and what descends from those, sorted. A child whose parent has ended belongs to another
// one. It costs a system call or three for each process of the machine.
func Descendants(roots, except []int) []int {
	children := map[int][]int{}
	for _, pid := range processes() {
		if s, ok := statOf(pid); ok {
			children[s.parent] = append(children[s.parent], pid)
		}
	}
	found := map[int]bool{}
	for left := slices.Clone(roots); len(left) > 0; left = left[1:] {
		if pid := left[0]; !found[pid] && !slices.Contains(except, pid) {
			found[pid] = true
			left = append(left, children[pid]...)
		}
	}
	all := make([]int, 0, len(found))
	for pid := range found {
		all = append(all, pid)
	}
	slices.Sort(all)
	return all
}

// CPUOfTree is the CPU time of the processes that [Descendants] returns, in nanoseconds, and
// of those that have ended and were waited for by one of them, in ticks of 10 ms. ok is false
// if a root has ended.
func CPUOfTree(roots, except []int) (ns int64, ok bool) {
	for _, pid := range Descendants(roots, except) {
		own, alive := CPUOf(pid)
		if !alive {
			if slices.Contains(roots, pid) {
				return 0, false
			}
			continue // its parent has waited for it meanwhile, or will
		}
		ns += own
		if s, ok := statOf(pid); ok {
			ns += int64(s.waited)
		}
	}
	return ns, true
}

// processes are all of the machine that are to be seen.
func processes() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processStat is what /proc/PID/stat says (proc_pid_stat(5)).
type processStat struct {
	parent int
	waited time.Duration // CPU time of children that were waited for
}

func statOf(pid int) (s processStat, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, false
	}
	return parseProcessStat(b)
}

// parseProcessStat reads fields 4 (ppid), 16 and 17 (cutime and cstime). The second one, the
// program's name in parentheses, may hold anything, parentheses and spaces too.
func parseProcessStat(b []byte) (s processStat, ok bool) {
	const first, ppid, cutime, cstime = 3, 4, 16, 17
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return s, false
	}
	fields := bytes.Fields(b[end+1:])
	if len(fields) <= cstime-first {
		return s, false
	}
	parent, err := strconv.Atoi(string(fields[ppid-first]))
	user, ok1 := parseTicks(fields[cutime-first])
	system, ok2 := parseTicks(fields[cstime-first])
	return processStat{parent: parent, waited: user + system}, err == nil && ok1 && ok2
}

// Holders returns the processes that hold the other end of a TCP connection of this
// machine, whose ends are HOST:PORT as the client sees them. It is empty if that cannot be
// seen: the end is in another network namespace, or its process another user's.
func Holders(local, remote string) []int {
	inode := inodeOf(remote, local)
	if inode == "" {
		return nil
	}
	link := "socket:[" + inode + "]"
	var pids []int
	for _, pid := range processes() {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(fds, func(fd os.DirEntry) bool {
			to, err := os.Readlink(filepath.Join(dir, fd.Name()))
			return err == nil && to == link
		}) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// inodeOf is the inode of the socket with the two ends; "" if there is none.
func inodeOf(own, other string) string {
	a, err1 := netip.ParseAddrPort(own)
	b, err2 := netip.ParseAddrPort(other)
	if err1 != nil || err2 != nil {
		return ""
	}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if inode := findSocket(content, a, b); inode != "" {
			return inode
		}
	}
	return ""
}

// findSocket looks the two ends up in /proc/net/tcp or tcp6 (proc_net_tcp(5)).
func findSocket(content []byte, own, other netip.AddrPort) (inode string) {
	const local, remote, inodeField = 1, 2, 9
	for line := range bytes.Lines(content) {
		fields := strings.Fields(string(line))
		if len(fields) <= inodeField {
			continue
		}
		a, ok1 := parseEnd(fields[local])
		b, ok2 := parseEnd(fields[remote])
		if ok1 && ok2 && a == unmapped(own) && b == unmapped(other) {
			return fields[inodeField]
		}
	}
	return ""
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// parseEnd reads an address in hexadecimal, in words of 32 bits of the machine's order,
// and a port.
func parseEnd(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	b, err1 := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err1 != nil || err2 != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	ip, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), ok
}

// ProgramOf is the name of the program of a process, as the kernel has it: at most 15 bytes,
// which its owner may have chosen; "" if there is no such process.
func ProgramOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // unreadable is empty
	return string(bytes.TrimSpace(b))
}
