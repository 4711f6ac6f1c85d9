package probe

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"grpcbench/testing/lane"
)

// burnFor is the environment variable that makes the test binary a child that
// burns CPU.
const burnFor = "PROBE_TEST_BURN_FOR"

func TestMain(m *testing.M) {
	if d, err := time.ParseDuration(os.Getenv(burnFor)); err == nil {
		burner(d)
		return
	}
	os.Exit(lane.Main(m, os.Stderr))
}

// burner uses CPU until the process's own clock shows d, prints the reading of
// that clock and of the shared one, and idles until its standard input ends.
func burner(d time.Duration) {
	used, _ := ProcessCPU()
	for used < int64(d) {
		used, _ = ProcessCPU()
	}
	fmt.Println(used, Monotonic())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent, whatever the reason
}

// child is a burner that has burned and idles.
type child struct {
	pid              int
	used, monotonic  int64 // its own readings
	before, reported int64 // ours of Monotonic, around its readings
}

func startBurner(t *testing.T, d time.Duration) child {
	t.Helper()
	cmd := exec.Command(os.Args[0]) // t.Context would kill it before Cleanup asks it to end
	cmd.Env = append(os.Environ(), burnFor+"="+d.String())
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c := child{before: Monotonic()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // ends the child; Wait says how
		if err := cmd.Wait(); err != nil {
			t.Errorf("wait for child: %v", err)
		}
	})
	if _, err := fmt.Fscan(bufio.NewReader(stdout), &c.used, &c.monotonic); err != nil {
		t.Fatalf("read child: %v", err)
	}
	c.pid, c.reported = cmd.Process.Pid, Monotonic()
	return c
}

// The child printed its reading and has idled since: what it used for that is far
// below 1 % of 200 ms. Its clock cannot have run backwards.
func TestCPUOfAgreesWithTheProcessesOwnClock(t *testing.T) {
	lane.Long(t, "starts processes")
	c := startBurner(t, 200*time.Millisecond)
	got, ok := CPUOf(c.pid)
	if !ok || got < c.used || got > c.used+c.used/100 {
		t.Errorf("CPU of child %d ns %v, its own clock said %d", got, ok, c.used)
	}
}

func TestMonotonicIsOneClockForAllProcesses(t *testing.T) {
	lane.Long(t, "starts processes")
	c := startBurner(t, time.Millisecond)
	if c.monotonic < c.before || c.monotonic > c.reported {
		t.Errorf("child read %d, want in [%d, %d]", c.monotonic, c.before, c.reported)
	}
}

func TestCPUOfNoProcessIsAbsent(t *testing.T) {
	lane.Long(t, "starts processes")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{cmd.Process.Pid, 0, -1, 1 << 30, 1<<32 + os.Getpid()} {
		if ns, ok := CPUOf(pid); ok {
			t.Errorf("CPU of %d: got %d ns, want none", pid, ns)
		}
	}
}

// The process's clock is read outside of the thread's, so it has run at least as
// far.
func TestThreadUsesNoMoreThanItsProcess(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	process0, _ := ProcessCPU()
	thread0, _ := ThreadCPU()
	thread1 := thread0
	for thread1 < thread0+int64(10*time.Millisecond) {
		thread1, _ = ThreadCPU()
	}
	process1, ok := ProcessCPU()
	if !ok || process1-process0 < thread1-thread0 {
		t.Errorf("process used %d ns %v, its thread %d", process1-process0, ok, thread1-thread0)
	}
}

func TestResidentMemoryGrowsWithWhatIsTouched(t *testing.T) {
	const size, page = 64 << 20, 4096
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	before, ok := RSS()
	for i := 0; i < len(b); i += page {
		b[i] = 1
	}
	after, _ := RSS()
	if err := unix.Munmap(b); err != nil {
		t.Fatal(err)
	}
	// A tenth is more than the kernel's loose sum and the runtime's own pages.
	if got := after - before; !ok || got < size*9/10 || got > size*11/10 {
		t.Errorf("grew by %d bytes %v, want about %d", got, ok, size)
	}
}

func TestWatchOfThisMachineHasItsFacts(t *testing.T) {
	lane.Long(t, "starts processes")
	c := startBurner(t, time.Millisecond)
	i := Machine{}.Watch(c.pid, c.pid, os.Getpid()).Stop()
	if i.Elapsed <= 0 || i.CPUs < 1 {
		t.Errorf("elapsed %v on %d CPUs, want more", i.Elapsed, i.CPUs)
	}
	if i.OursShare == nil || *i.OursShare <= 0 {
		t.Errorf("our share %v, want > 0", i.OursShare)
	}
	if i.CompetingShare == nil || i.StealShare == nil || i.MemAvailable == nil {
		t.Errorf("competing %v, steal %v, memory %v, want all", i.CompetingShare, i.StealShare, i.MemAvailable)
	}
	if i.HiccupP50 == nil || *i.HiccupP50 < 0 || *i.HiccupP50 > *i.HiccupP99 || *i.HiccupP99 > *i.HiccupMax {
		t.Errorf("hiccups %v %v %v, want three in order", i.HiccupP50, i.HiccupP99, i.HiccupMax)
	}
}

func TestWatchOfAProcessThatIsNotThereKnowsNoShareOfOurs(t *testing.T) {
	i := Machine{}.Watch(1 << 22).Stop() // the first number that is no process
	if i.OursShare != nil || i.CompetingShare != nil {
		t.Errorf("ours %v, competing %v, want both absent", i.OursShare, i.CompetingShare)
	}
}

func TestFDLimitIsInOrder(t *testing.T) {
	if soft, hard, ok := FDLimit(); !ok || soft == 0 || soft > hard {
		t.Errorf("limit %d of %d %v, want 0 < soft <= hard", soft, hard, ok)
	}
}
