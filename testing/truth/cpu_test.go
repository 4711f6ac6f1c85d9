//go:build truth && linux

package truth

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"grpcbench/internal/probe"
	"grpcbench/internal/stats"
	"grpcbench/testing/mutants"
)

// spend is the role of a process that uses CPU time up to the given number of
// milliseconds by its own clock, most of it in threads that have ended since.
func spend(args []string) error {
	total, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	const threads = 4
	for i := range threads {
		limit := int64(total) * 1e6 * int64(i+1) / threads
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // never unlocked, so the thread ends with the goroutine
			for used, ok := probe.ProcessCPU(); ok && used < limit; used, ok = probe.ProcessCPU() {
			}
		}()
		<-done
	}
	own, ok := probe.ProcessCPU()
	if !ok {
		return errors.New("no CPU clock")
	}
	fmt.Println(own)
	untilParentEnds()
	return nil
}

// burn is the role of a neighbour: it keeps the core args[0] busy for args[1] of
// every args[2] milliseconds.
func burn(args []string) error {
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[i]); err != nil {
			return err
		}
	}
	runtime.LockOSThread()
	var core unix.CPUSet
	core.Set(n[0])
	if err := unix.SchedSetaffinity(0, &core); err != nil {
		return fmt.Errorf("pin to core %d: %w", n[0], err)
	}
	fmt.Println("burning")
	ended := make(chan struct{})
	go func() { untilParentEnds(); close(ended) }()
	on, period := time.Duration(n[1])*time.Millisecond, time.Duration(n[2])*time.Millisecond
	for {
		began := time.Now()
		for time.Since(began) < on {
		}
		select {
		case <-ended:
			return nil
		case <-time.After(period - time.Since(began)):
		}
	}
}

// 2 s of CPU in four threads that have ended: our reading of another process is
// what that process reads of itself and what the kernel says once it is gone.
func TestTruthOfTheCPUClock(t *testing.T) {
	measured(t, func(f *findings) {
		const spent = 2000.0 // ms
		p, ready := start(t, "spend", strconv.Itoa(spent))
		own, err := strconv.ParseInt(ready, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ours, ok := probe.CPUOf(p.Process.Pid)
		if !ok {
			t.Fatal("no clock of the child")
		}
		p.end()
		kernel := p.ProcessState.UserTime() + p.ProcessState.SystemTime()
		f.between("its own reading, ms", float64(own)/1e6, spent, spent*1.001)
		f.between("our reading, ms", float64(ours)/1e6, spent, spent*1.001)
		f.between("the kernel's account, ms", float64(kernel)/1e6, spent*0.999, spent*1.002) // its end included
	})
}

// The pacer's own CPU is taken out of the client's: with a pacer that never spins
// the client costs the same. Runs of both kinds take turns; their ratios' median is
// free of what the machine does meanwhile.
func TestTruthOfTheCPUWithoutThePacer(t *testing.T) {
	spinning, sleeping := build(t), build(t, mutants.Mutant{
		Name: "the pacer never spins", File: "internal/load/pacer_linux.go",
		Old: "\tmargin := p.margin\n", New: "\tmargin := time.Duration(0)\n",
	})
	measured(t, func(f *findings) {
		var client, pacer []float64
		for i := range 8 {
			cpu := func(b bench) (client, pacer float64) {
				r := b.run("--tls", "off", "--rate", "1000", "--epochs", "1", "--warmup", "500ms", "--window", "2s", "--seed", strconv.Itoa(i))
				a := r.Arms[0]
				if a.ClientCPU == nil || a.PacerCPU == nil {
					t.Fatal("no CPU in the result")
				}
				return *a.ClientCPU, *a.PacerCPU
			}
			withSpin, spin := cpu(spinning)
			without, sleep := cpu(sleeping)
			client, pacer = append(client, withSpin/without), append(pacer, spin/sleep)
		}
		f.between("client CPU with a spinning pacer over one without", stats.Median(client), 0.97, 1.03)
		f.between("the pacer's own CPU, likewise", stats.Median(pacer), 1.2, math.Inf(1)) // there was something to take out
	})
}
