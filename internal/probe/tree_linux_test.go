package probe

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestAProcessDescendsFromItsParent(t *testing.T) {
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	if all := Descendants([]int{os.Getpid()}, nil); !slices.Contains(all, pid) || !slices.Contains(all, os.Getpid()) {
		t.Errorf("descendants %v, want %d and its child %d", all, os.Getpid(), pid)
	}
	if all := Descendants([]int{os.Getpid()}, []int{pid}); slices.Contains(all, pid) {
		t.Errorf("descendants %v, want them without %d", all, pid)
	}
	if _, ok := CPUOfTree([]int{pid}, nil); !ok {
		t.Error("the CPU time of a process that runs must be known")
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, ok := CPUOfTree([]int{pid}, nil); ok {
		t.Error("the CPU time of a root that has ended must be unknown")
	}
}

func TestChildrenThatWereWaitedForCount(t *testing.T) {
	for _, of := range []struct {
		text string
		want processStat
		ok   bool
	}{
		{"7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 9", processStat{parent: 3, waited: 1500 * time.Millisecond}, true},
		{"7 (x) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70", processStat{}, false},
		{"7 x S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80", processStat{}, false},
		{"", processStat{}, false},
	} {
		if got, ok := parseProcessStat([]byte(of.text)); ok != of.ok || ok && got != of.want {
			t.Errorf("%q: %+v %v, want %+v %v", of.text, got, ok, of.want, of.ok)
		}
	}
}

func TestTheHolderOfAConnectionIsTheServer(t *testing.T) {
	for _, host := range []string{"127.0.0.1:0", "[::]:0"} { // the second one's addresses are mapped
		l, err := net.Listen("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got := Holders(c.LocalAddr().String(), c.RemoteAddr().String()); !slices.Equal(got, []int{os.Getpid()}) {
			t.Errorf("%s: held by %v, want this process %d", host, got, os.Getpid())
		}
	}
	if got := Holders("192.0.2.1:1", "192.0.2.2:2"); len(got) != 0 {
		t.Errorf("a connection that is not there is held by %v", got)
	}
}

func TestSocketsAreFoundByBothEnds(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:D432 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: short
`
	for other, want := range map[string]string{"127.0.0.1:54321": "4711", "127.0.0.1:54322": "4712", "127.0.0.1:54323": ""} {
		if got := findSocket([]byte(table), netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort(other)); got != want {
			t.Errorf("%s: inode %q, want %q", other, got, want)
		}
	}
}
