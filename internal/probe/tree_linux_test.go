package probe

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"grpcbench/testing/lane"
)

func TestAProcessDescendsFromItsParent(t *testing.T) {
	lane.Long(t, "starts processes")
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

func TestTheStateOfAProcessIsRead(t *testing.T) {
	for _, of := range []struct {
		text string
		want processStat
		ok   bool
	}{
		{"7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 9", processStat{parent: 3, waited: 1500 * time.Millisecond, started: 9}, true},
		{"7 (a) Z 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 18446744073709551615 0", processStat{parent: 3, ended: true, waited: 1500 * time.Millisecond, started: 1<<64 - 1}, true},
		{"7 (a) Z 3 7 7 0 -1 4194560 1 2 3 4 50 60 0 0 20 0 12 0 9", processStat{parent: 3, started: 9}, true}, // its main thread alone
		{"7 (x) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70", processStat{}, false},
		{"7 (x) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0", processStat{}, false},
		{"7 (x) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 -9", processStat{}, false},
		{"7 x S 3 7 7 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 9", processStat{}, false},
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
		gone := Ends{"192.0.2.1:1", "192.0.2.2:2"}
		got := Holders([]Ends{gone, {c.LocalAddr().String(), c.RemoteAddr().String()}, {"#1", "unix:s"}, {"", ""}})
		if want := [][]int{nil, {os.Getpid()}, nil, nil}; !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: held by %v, want this process %d to hold the second one alone", host, got, os.Getpid())
		}
	}
}

// A Unix socket is held by who has accepted the connection, whoever made the one that
// listens: systemd makes it, and a process that starts others.
func TestTheHolderOfAUnixSocketIsWhoAccepted(t *testing.T) {
	lane.Long(t, "starts processes")
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var own unix.Stat_t
	if err := unix.Fstat(fds[0], &own); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	other := os.NewFile(uintptr(fds[1]), "other")
	child := exec.Command("cat")
	child.ExtraFiles = []*os.File{other}
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ends := []Ends{{fmt.Sprintf("#%d", own.Ino), "unix:s"}}
	if got, want := Holders(ends), []int{os.Getpid(), child.Process.Pid}; len(got) != 1 || len(got[0]) != 2 || !slices.Contains(got[0], want[0]) || !slices.Contains(got[0], want[1]) {
		t.Errorf("held by %v, want both of %v", got, want)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if got := Holders(ends); len(got) != 1 || !slices.Equal(got[0], []int{child.Process.Pid}) {
		t.Errorf("held by %v, want %d", got, child.Process.Pid)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := Holders(ends); len(got) != 1 || len(got[0]) != 0 {
		t.Errorf("held by %v when its process has ended", got)
	}
}

// An answer of the kernel that is none is no peer.
func TestAnAnswerWithoutAPeerNamesNone(t *testing.T) {
	order := binary.NativeEndian
	answer := func(kind uint16, attributes ...byte) []byte {
		b := order.AppendUint32(nil, uint32(32+len(attributes)))
		b = order.AppendUint16(b, kind)
		return append(append(b, make([]byte, 26)...), attributes...)
	}
	attribute := func(size, kind uint16, value uint32) []byte {
		b := order.AppendUint16(nil, size)
		return order.AppendUint32(order.AppendUint16(b, kind), value)
	}
	for name, of := range map[string]struct {
		b    []byte
		want string
	}{
		"peer":              {answer(unix.SOCK_DIAG_BY_FAMILY, attribute(8, 2, 4711)...), "4711"},
		"after another one": {answer(unix.SOCK_DIAG_BY_FAMILY, append(attribute(5, 0, 7), attribute(8, 2, 4711)...)...), "4711"},
		"none":              {answer(unix.SOCK_DIAG_BY_FAMILY), ""},
		"0":                 {answer(unix.SOCK_DIAG_BY_FAMILY, attribute(8, 2, 0)...), ""},
		"cut":               {answer(unix.SOCK_DIAG_BY_FAMILY, attribute(8, 2, 1)[:6]...), ""},
		"of no size":        {answer(unix.SOCK_DIAG_BY_FAMILY, attribute(0, 2, 1)...), ""},
		"an error":          {answer(unix.NLMSG_ERROR, attribute(8, 2, 1)...), ""},
		"short":             {make([]byte, 8), ""},
		"empty":             {nil, ""},
	} {
		if got := parsePeer(of.b); got != of.want {
			t.Errorf("%s: %q, want %q", name, got, of.want)
		}
	}
}

// A number that is named must be that of a process which runs, and means that one alone.
func TestOnlyAProcessThatRunsIsFound(t *testing.T) {
	lane.Long(t, "starts processes")
	own, err := Find(os.Getpid())
	if err != nil || !own.Runs() {
		t.Fatalf("%+v, %v, want this process", own, err)
	}
	own.Started++
	if own.Runs() {
		t.Error("a process of this number that started later is another one")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	main := unix.Gettid()
	threads := make(chan int)
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		threads <- unix.Gettid()
		<-done
	}()
	other := <-threads
	if other == os.Getpid() {
		other = main
	}
	if _, err := Find(other); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("is a thread: name its process, %d (", os.Getpid())) {
		t.Errorf("a thread: %v", err)
	}
	close(done)
	child := exec.Command("true")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	before, err := Find(child.Process.Pid)
	if err == nil && before.PID != child.Process.Pid {
		t.Errorf("%+v, want the child", before)
	}
	if err := unix.Waitid(unix.P_PID, child.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(child.Process.Pid); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("has ended, and its parent, %d (", os.Getpid())) {
		t.Errorf("a zombie: %v", err)
	}
	if before.Runs() {
		t.Error("a zombie does not run")
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{child.Process.Pid, -1, 0, 1 << 22, 1<<31 - 1} {
		if _, err := Find(pid); err == nil || !strings.HasPrefix(err.Error(), "must be a process of this machine") {
			t.Errorf("%d: %v, want that there is none", pid, err)
		}
	}
}

// Whoever is named beside those it descends from is counted once.
func TestAProcessCountsOnce(t *testing.T) {
	lane.Long(t, "starts processes")
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	own, pid := os.Getpid(), child.Process.Pid
	for _, roots := range [][]int{{own, pid}, {pid, own}, {pid, own, pid, own}} {
		all := Descendants(roots, nil)
		if sorted := slices.Compact(slices.Clone(all)); len(sorted) != len(all) || !slices.Contains(all, own) || !slices.Contains(all, pid) {
			t.Errorf("%v: %v, want each once", roots, all)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := Ancestors(own); len(got) < 2 || got[0] != own || got[1] != os.Getppid() {
		t.Errorf("%v, want %d, then its parent %d", got, own, os.Getppid())
	}
}

func TestSocketsAreFoundByBothEnds(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:D432 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: short
`
	for other, want := range map[string]string{"127.0.0.1:54321": "4711", "127.0.0.1:54322": "4712", "127.0.0.1:54323": ""} {
		got := ""
		sockets([]byte(table), func(p pair, inode string) {
			if p == (pair{netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort(other)}) {
				got = inode
			}
		})
		if got != want {
			t.Errorf("%s: inode %q, want %q", other, got, want)
		}
	}
}

// A process that loses its parent between two readings was the server's before and is after.
func TestAProcessThatLosesItsParentCountsOn(t *testing.T) {
	lane.Long(t, "starts processes")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `sh -c 'cat <&3 >/dev/null & echo $!; read x'; echo ended; read x`)
	cmd.ExtraFiles = []*os.File{r}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = errors.Join(r.Close(), w.Close(), in.Close()) // with which all end
		_ = cmd.Wait()
	}()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := Find(pid)
	if err != nil {
		t.Fatal(err)
	}
	before, ok := UsageOf([]int{cmd.Process.Pid}, nil, nil, Usage{})
	if _, counted := before.of[orphan]; !ok || !counted {
		t.Fatalf("%v, %v, want %v among them", before, ok, orphan)
	}
	if _, err := in.Write([]byte("end\n")); err != nil {
		t.Fatal(err)
	}
	if line, err = lines.ReadString('\n'); err != nil || line != "ended\n" {
		t.Fatalf("%q, %v", line, err)
	}
	after, ok := UsageOf([]int{cmd.Process.Pid}, nil, nil, before)
	if _, counted := after.of[orphan]; !ok || !counted {
		t.Errorf("%v, %v, want %v among them", after, ok, orphan)
	}
	if alone, _ := UsageOf([]int{cmd.Process.Pid}, nil, nil, Usage{}); slices.Contains(slices.Collect(maps.Keys(alone.of)), orphan) {
		t.Errorf("%v: the process %v must have lost its parent", alone, orphan)
	}
	if ns, ok := after.Since(before); !ok || ns < -2*int64(tick) { // of the one that ended, ticks count
		t.Errorf("%d, %v, want what was used", ns, ok)
	}
}

// What a process has used that nobody has waited for is lost with it.
func TestWhatNobodyWaitedForIsNotKnown(t *testing.T) {
	const ms = int64(time.Millisecond)
	of := func(all map[Process]spent) (u Usage) {
		u.of = all
		for _, s := range all {
			u.NS += s.own + s.waited
		}
		return u
	}
	parent, child, grandchild, other := Process{1, 1}, Process{2, 1}, Process{3, 1}, Process{2, 2}
	before := of(map[Process]spent{parent: {own: 5 * ms, waited: 70 * ms}, child: {own: 900 * ms, waited: 300 * ms}, grandchild: {own: 200 * ms}})
	for name, row := range map[string]struct {
		after map[Process]spent
		ns    int64
		ok    bool
	}{
		"all run":                      {map[Process]spent{parent: {6 * ms, 70 * ms}, child: {910 * ms, 300 * ms}, grandchild: {200 * ms, 0}}, 11 * ms, true},
		"one was waited for":           {map[Process]spent{parent: {5 * ms, 70 * ms}, child: {900 * ms, 520 * ms}}, 20 * ms, true},
		"and rounded down":             {map[Process]spent{parent: {5 * ms, 70 * ms}, child: {920 * ms, 490 * ms}}, 10 * ms, true},
		"two, one after the other":     {map[Process]spent{parent: {5 * ms, 1480 * ms}}, 10 * ms, true},
		"nobody waited":                {map[Process]spent{parent: {5 * ms, 70 * ms}, child: {2000 * ms, 300 * ms}}, 900 * ms, false},
		"of a child, not of its child": {map[Process]spent{parent: {5 * ms, 1270 * ms}}, -200 * ms, false},
		"another has its number":       {map[Process]spent{parent: {5 * ms, 70 * ms}, other: {3000 * ms, 0}, grandchild: {200 * ms, 0}}, 1800 * ms, false},
		"a new one":                    {map[Process]spent{parent: {5 * ms, 70 * ms}, child: {900 * ms, 300 * ms}, grandchild: {200 * ms, 0}, other: {30 * ms, 0}}, 30 * ms, true},
	} {
		if ns, ok := of(row.after).Since(before); ok != row.ok || ns != row.ns {
			t.Errorf("%s: %d ms, %v, want %d ms, %v", name, ns/ms, ok, row.ns/ms, row.ok)
		}
	}
}

func TestProcessesHaveTheCPUsThatTheirAffinityAllows(t *testing.T) {
	lane.Long(t, "starts processes")
	own := Machine{}.CPUsOf([]int{os.Getpid()})
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = child.Wait() }()
	pid := child.Process.Pid
	one := slices.Min(slices.Collect(maps.Keys(own.set)))
	var set unix.CPUSet
	set.Set(one)
	if err := unix.SchedSetaffinity(pid, &set); err != nil {
		t.Fatal(err)
	}
	childs := Machine{}.CPUsOf([]int{pid})
	if childs.Room() > 1 || childs.Room() <= 0 {
		t.Errorf("room for %g CPUs, want one, or less by a quota", childs.Room())
	}
	if shared, ok := own.Overlap(childs); !shared || !ok {
		t.Errorf("overlap %t, known %t, want both", shared, ok)
	}
	if shared, ok := childs.Overlap(CPUs{set: map[int]bool{one + 1: true}, room: 1}); shared || !ok {
		t.Errorf("overlap with another CPU %t, known %t, want none", shared, ok)
	}
	if _, ok := own.Overlap(CPUs{}); ok {
		t.Error("overlap with what is not known: known")
	}
	if c := (Machine{}).CPUsOf(nil); c.Room() != 0 {
		t.Errorf("room for %g CPUs of no process", c.Room())
	}
}
