package probe

import (
	"bytes"
	"strconv"
)

// PortRange is the range, ends included, from which the kernel takes the local
// port of an outgoing connection (ip(7), ip_local_port_range).
func (m Machine) PortRange() (lo, hi int, ok bool) {
	b, ok := m.read("/proc/sys/net/ipv4/ip_local_port_range")
	if !ok {
		return 0, 0, false
	}
	return parsePortRange(b)
}

// parsePortRange reads "32768	60999".
func parsePortRange(b []byte) (lo, hi int, ok bool) {
	fields := bytes.Fields(b)
	if len(fields) != 2 {
		return 0, 0, false
	}
	first, err1 := strconv.ParseUint(string(fields[0]), 10, 16)
	last, err2 := strconv.ParseUint(string(fields[1]), 10, 16)
	if err1 != nil || err2 != nil || first > last {
		return 0, 0, false
	}
	return int(first), int(last), true
}
