package load_test

import (
	"context"
	"fmt"
	"time"

	"grpcbench/internal/load"
)

// stepped is a clock without a machine: waiting takes it to the instant at once.
type stepped struct{ now time.Duration }

func (s *stepped) Now() time.Duration { return s.now }

func (s *stepped) Until(t time.Duration) { s.now = max(s.now, t) }

// instant is an engine whose every RPC is answered when it is made.
type instant struct{ turns load.Turns }

func (i *instant) Bind(t load.Turns) { i.turns = t }

func (i *instant) Start(op load.Op) {
	op.Sent = i.turns.Now()
	i.turns.Sent(op)
	i.turns.Ended(op, load.Good, op.Sent)
}

func (*instant) Flush()  {}
func (*instant) Cancel() {}

// An open loop makes the RPCs that a schedule has due, and accounts for each of them.
func ExampleOpenLoop() {
	loop := load.OpenLoop{
		Schedule:    load.Uniform{Rate: 100, Duration: 3 * time.Second},
		Clock:       &stepped{},
		Phases:      load.Phases{Warmup: time.Second, Window: 2 * time.Second},
		Connections: 1,
		MaxInFlight: 10,
	}
	o, err := loop.Run(context.Background(), &instant{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("warm-up:", o.Warmup.Scheduled, "RPCs; window:", o.Window.OK, "ok of", o.Window.Scheduled)
	// Output: warm-up: 100 RPCs; window: 200 ok of 200
}

// A Poisson schedule depends on its fields alone.
func ExamplePoisson() {
	p := load.Poisson{Rate: 100, Duration: time.Minute, Seed: 42}
	first, second := 0, 0
	for range p.Arrivals() {
		first++
	}
	for range p.Arrivals() {
		second++
	}
	fmt.Println(first == second)
	// Output: true
}
