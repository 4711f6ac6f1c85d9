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

	"golang.org/x/sys/unix"
)

// Holders returns, for each of some connections of this machine, the processes that hold
// its other end, sorted. They are none where that cannot be seen: the process is another
// user's, or the end is not where the client takes it to be, behind a translated address.
func Holders(connections []Ends) [][]int {
	holders := make([][]int, len(connections))
	of := map[string]int{} // connection by what its other end is in /proc/PID/fd
	for i, inode := range otherEnds(connections) {
		if inode != "" {
			of["socket:["+inode+"]"] = i
		}
	}
	if len(of) == 0 {
		return holders
	}
	for _, pid := range processes() {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			to, _ := os.Readlink(filepath.Join(dir, fd.Name())) // closed meanwhile: ""
			if i, found := of[to]; found && !slices.Contains(holders[i], pid) {
				holders[i] = append(holders[i], pid)
			}
		}
	}
	for _, pids := range holders {
		slices.Sort(pids)
	}
	return holders
}

// otherEnds are the inodes of the sockets at the other ends; "" where it cannot be seen.
func otherEnds(connections []Ends) []string {
	inodes := make([]string, len(connections))
	pairs := map[pair][]int{} // connections by the two ends of TCP as the server has them
	for i, c := range connections {
		if own, found := strings.CutPrefix(c.Local, "#"); found {
			inodes[i] = peer(own)
			continue
		}
		local, err1 := netip.ParseAddrPort(c.Local)
		remote, err2 := netip.ParseAddrPort(c.Remote)
		if err1 == nil && err2 == nil {
			p := pair{unmapped(remote), unmapped(local)}
			pairs[p] = append(pairs[p], i)
		}
	}
	if len(pairs) == 0 {
		return inodes
	}
	for i, dir := range networks() {
		for _, table := range []string{"tcp", "tcp6"} {
			content, _ := os.ReadFile(filepath.Join(dir, table)) // unreadable is empty
			sockets(content, func(p pair, inode string) {
				if i > 0 && p.own.Addr().IsLoopback() {
					return // which is another one than ours
				}
				for _, at := range pairs[p] {
					if inodes[at] == "" {
						inodes[at] = inode
					}
				}
			})
		}
	}
	return inodes
}

// networks are the directories that tell of network namespaces: this process's, and those
// others that processes are in, such as a container's.
func networks() []string {
	own, _ := os.Readlink("/proc/self/ns/net") // unreadable: looked at twice
	dirs, seen := []string{"/proc/self/net"}, []string{own}
	for _, pid := range processes() {
		ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil && !slices.Contains(seen, ns) {
			seen = append(seen, ns)
			dirs = append(dirs, fmt.Sprintf("/proc/%d/net", pid))
		}
	}
	return dirs
}

// pair are the two ends of a TCP connection, as the one of them has it.
type pair struct{ own, other netip.AddrPort }

// sockets calls each for those of /proc/net/tcp or tcp6 (proc_net_tcp(5)).
func sockets(content []byte, each func(p pair, inode string)) {
	const local, remote, inode = 1, 2, 9
	for line := range bytes.Lines(content) {
		fields := strings.Fields(string(line))
		if len(fields) <= inode {
			continue
		}
		own, ok1 := parseEnd(fields[local])
		other, ok2 := parseEnd(fields[remote])
		if ok1 && ok2 {
			each(pair{own, other}, fields[inode])
		}
	}
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

// peer is the inode of the socket that a Unix socket with an inode is connected to; "" if
// there is none, or the kernel does not tell (CONFIG_UNIX_DIAG).
func peer(inode string) string {
	n, err := strconv.ParseUint(inode, 10, 32)
	if err != nil || n == 0 {
		return ""
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, askPeer(uint32(n)), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return ""
	}
	answer := make([]byte, 4096)
	size, _, err := unix.Recvfrom(fd, answer, unix.MSG_DONTWAIT) // the kernel answers before Sendto returns
	if err != nil {
		return ""
	}
	return parsePeer(answer[:size])
}

// askPeer is a request of sock_diag(7) for the peer of one Unix socket.
func askPeer(inode uint32) []byte {
	const showPeer, anyCookie = 4, ^uint32(0) // UDIAG_SHOW_PEER, INET_DIAG_NOCOOKIE
	b := make([]byte, 0, unix.SizeofNlMsghdr+24)
	order := binary.NativeEndian
	b = order.AppendUint32(b, uint32(cap(b))) // nlmsg_len
	b = order.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = order.AppendUint16(b, unix.NLM_F_REQUEST)
	b = order.AppendUint32(b, 1)            // nlmsg_seq
	b = order.AppendUint32(b, 0)            // nlmsg_pid
	b = append(b, unix.AF_UNIX, 0, 0, 0)    // sdiag_family, sdiag_protocol, pad
	b = order.AppendUint32(b, ^uint32(0))   // udiag_states: all
	b = order.AppendUint32(b, inode)        // udiag_ino
	b = order.AppendUint32(b, showPeer)     // udiag_show
	b = order.AppendUint32(b, anyCookie)    // udiag_cookie
	return order.AppendUint32(b, anyCookie) // its second half
}

// parsePeer reads the answer: a header, a struct unix_diag_msg and attributes, of which
// UNIX_DIAG_PEER is the peer's inode.
func parsePeer(b []byte) string {
	const header, attributePeer = unix.SizeofNlMsghdr + 16, 2
	order := binary.NativeEndian
	if len(b) < header || order.Uint16(b[4:]) != unix.SOCK_DIAG_BY_FAMILY {
		return ""
	}
	for b = b[header:]; len(b) >= unix.SizeofNlAttr; {
		size, kind := int(order.Uint16(b)), order.Uint16(b[2:])
		if size < unix.SizeofNlAttr || size > len(b) {
			return ""
		}
		if kind == attributePeer && size == unix.SizeofNlAttr+4 {
			if n := order.Uint32(b[unix.SizeofNlAttr:]); n != 0 {
				return strconv.FormatUint(uint64(n), 10)
			}
			return ""
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return ""
}
