package runner

import (
	"os"
	"slices"
	"strings"
	"testing"

	"grpcbench/internal/probe"
	"grpcbench/internal/worker"
)

// Connections of a server with several processes go to any of them: whoever of these is not
// named is named.
func TestWhoHoldsConnectionsIsJudgedByEach(t *testing.T) {
	for name, of := range map[string]struct {
		holders     [][]int
		seen        bool
		all, others []int
	}{
		"all":                 {[][]int{{7}, {7}}, true, []int{7}, nil},
		"one of two":          {[][]int{{7}, {9}, {8}, {9}}, true, []int{7, 8, 9}, []int{8, 9}},
		"shared with another": {[][]int{{7, 8}, {8, 7}}, true, []int{7, 8}, nil},
		"one not to be seen":  {[][]int{{7}, nil}, false, []int{7}, nil},
		"none to be seen":     {[][]int{nil, nil}, false, nil, nil},
		"another, in part":    {[][]int{nil, {8}}, false, []int{8}, []int{8}},
		"no connection":       {nil, true, nil, nil},
	} {
		h := newHolding(of.holders, []int{5, 7})
		if h.seen != of.seen || !slices.Equal(h.all, of.all) || !slices.Equal(h.others, of.others) {
			t.Errorf("%s: %+v, want %v, %v, %v", name, h, of.seen, of.all, of.others)
		}
	}
	if got := processList([]int{1<<30 + 1, 1<<30 + 2, 1<<30 + 3, 1<<30 + 4, 1<<30 + 5, 1<<30 + 6, 1<<30 + 7}); !strings.HasPrefix(got, "processes 1073741825 (), ") || !strings.HasSuffix(got, "1073741829 () and 2 more") {
		t.Errorf("%q, want five and two more", got)
	}
	if err := (holding{}).counted(1); !strings.HasSuffix(err.Error(), ": name the server's own process") {
		t.Errorf("%v", err)
	}
}

// A number that another process has got since then is not the server's.
func TestANumberThatIsUsedAgainIsNotTheServer(t *testing.T) {
	p, err := probe.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	a := &armEpoch{pids: []int{p.PID}, named: []probe.Process{p}}
	if u, ok := a.usage(probe.Usage{}); !ok || u.NS <= 0 {
		t.Errorf("%d, %v, want the CPU of this process", u.NS, ok)
	}
	a.named[0].Started--
	if u, ok := a.usage(probe.Usage{}); ok {
		t.Errorf("%d of a process that was another one", u.NS)
	}
}

// A clock that stood still while RPCs were answered is not the server's: 0 ns is no figure.
func TestNoCPUIsNoFigure(t *testing.T) {
	reading := func(ns int64) *worker.Reading { return &worker.Reading{CPU: &ns} }
	for _, after := range []int64{5, 4} {
		if got := used([2]*worker.Reading{reading(5), reading(after)}); got != nil {
			t.Errorf("from 5 to %d: %d, want no figure", after, *got)
		}
	}
	if got := used([2]*worker.Reading{reading(5), reading(7)}); got == nil || *got != 2 {
		t.Errorf("from 5 to 7: %v, want 2", got)
	}
}

// A server may have started what measures it: then it counts, and the run does not.
func TestTheRunAndWhatItDescendsFromAreNotCounted(t *testing.T) {
	above := probe.Ancestors(os.Getpid())
	a := &armEpoch{pids: above[len(above)-1:]}
	got := a.targetProcesses()
	for i, pid := range above {
		if counted := slices.Contains(got, pid); counted != (i == len(above)-1) {
			t.Errorf("process %d, the %d. above this one, counted: %v", pid, i, counted)
		}
	}
}
