package result

import (
	"slices"
	"strings"
	"testing"
)

// No intervals are computed of one arm.
func TestNoiseIsToldByWhatItHarms(t *testing.T) {
	for name, of := range map[string]struct {
		change func(*Result)
		want   string
	}{
		"two arms": {nothing, "the intervals with care"},
		"one arm":  {alone(nothing), "latencies and CPU with care"},
	} {
		r := good(t)
		taken := 0.5
		shares(func(e *MachineEpoch) { e.StealShare, e.CompetingShare = &taken, &taken })(&r)
		of.change(&r)
		Examine(&r)
		for _, code := range []string{"steal", "competing_cpu"} {
			i := slices.IndexFunc(r.Warnings, func(w Warning) bool { return w.Code == code })
			if i < 0 || !strings.HasSuffix(r.Warnings[i].Text, of.want) {
				t.Errorf("%s, %s: warnings %v, want one that ends in %q", name, code, r.Warnings, of.want)
			}
		}
	}
}

// Another run of this program is named where other processes are: nobody is told to stop them
// without a word on what they are.
func TestAnotherRunIsNamedWhereCompetingCPUIs(t *testing.T) {
	for name, c := range map[string]struct {
		epochs [][]int // processes
		want   string
	}{
		"none":           {[][]int{nil, nil}, "other processes used 22 % of the machine: stop them, or read the intervals with care"},
		"one":            {[][]int{{7}, {7}}, "other processes used 22 % of the machine: another grpc-bench run (pid 7) is using this machine: begin when it has ended, or read the intervals with care"},
		"two":            {[][]int{{9}, {7, 9}}, "other processes used 22 % of the machine: another grpc-bench run (pid 7, and 1 more) is using this machine: begin when it has ended, or read the intervals with care"},
		"more than some": {[][]int{{1, 2, 3, 4, 5, 6}, nil}, "other processes used 22 % of the machine: another grpc-bench run (pid 1, and 5 more) is using this machine: begin when it has ended, or read the intervals with care"},
	} {
		r := good(t)
		r.Machine.Epochs = nil
		for _, pids := range c.epochs {
			r.Machine.Epochs = append(r.Machine.Epochs, MachineEpoch{OursShare: 0.4, CompetingShare: new(0.22), OtherRuns: pids})
		}
		Examine(&r)
		i := slices.IndexFunc(r.Warnings, func(w Warning) bool { return w.Code == "competing_cpu" })
		if got := r.Warnings[i].Text; got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
	}
}
