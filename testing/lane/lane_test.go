package lane

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain holds this package to its own rule.
func TestMain(m *testing.M) {
	os.Exit(Main(m, os.Stderr))
}

// What the fast lane says of this process before it has started another.
func TestWithoutAProcessTheTestsDecide(t *testing.T) {
	for _, code := range []int{0, 1, 2} {
		var log strings.Builder
		if got := judged(code, true, &log); got != code || log.Len() > 0 {
			t.Errorf("exit code %d, %q, want the tests' %d and nothing said", got, &log, code)
		}
	}
}

// No test after this one, in the order of the source, may claim that no process was started.
func TestAProcessFailsTheFastLaneOnly(t *testing.T) {
	Long(t, "starts a process")
	if err := exec.Command(os.Args[0], "-test.run=^$").Run(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	if got := judged(0, true, &log); got != 1 || !strings.Contains(log.String(), "lane.Long") {
		t.Errorf("exit code %d, %q, want 1 and what to do", got, &log)
	}
	log.Reset()
	if got := judged(0, false, &log); got != 0 || log.Len() > 0 {
		t.Errorf("without -short: exit code %d, %q, want 0 and nothing said", got, &log)
	}
}
