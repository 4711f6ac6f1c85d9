// Package ceiling finds how much a server can take: the highest rate that keeps a
// limit, or the number of callers from which more callers gain nothing. It decides
// which rates to measure and what the measured says, and measures nothing itself:
// its functions are pure but for the window that a search is given, so that they are
// tested against servers whose ceiling is known.
package ceiling

import (
	"math"
	"slices"
	"strconv"
)

// A Search looks for the highest rate that keeps a limit, by doubling and then by
// bisection. Rates are RPC/s.
type Search struct {
	First float64 // the rate it begins with; > 0
	Least float64 // no lower rate is tried; in (0, First]
	Most  float64 // no higher rate is tried; at least First
}

const (
	// windows are measured at a rate at most, and most of them decide: one disturbed
	// window does not.
	windows = 3
	// near ends a bisection: the broken rate is no more than this above the kept one.
	// Every epoch measures around it again, so that more would be lost effort.
	near = 1.05
	// step is how far a grid that does not hold the ceiling is extended at a time.
	step = 1.3
)

// Bracket is between which rates the highest one lies.
type Bracket struct {
	Kept   float64 // the highest rate that was kept; 0: none was, and Broken is the lowest that was tried
	Broken float64 // the lowest rate above Kept that was broken; 0: none was, and Kept is the Most
}

// Find searches. window measures one window at a rate and says whether the limit was
// kept; its error ends the search and is returned.
//
// Beginning at First the rate is doubled while it is kept, up to Most, or halved while
// it is broken, down to Least; then the space between is halved, geometrically, until
// the two rates are within a twentieth of each other. A rate is kept if two of three
// windows kept it; the third is not measured where two agree.
//
// At last the broken rate is asked again: one that is kept now was broken by a stall of the
// machine, and the search goes on from there, twice at most.
func (s Search) Find(window func(rate float64) (kept bool, err error)) (Bracket, error) {
	b, err := s.bound(window)
	for range resumed {
		if err == nil {
			b, err = narrow(b, window)
		}
		if err != nil || b.Kept == 0 || b.Broken == 0 {
			return b, err
		}
		kept, err := most(window, b.Broken)
		if err != nil || !kept {
			return b, err
		}
		if b, err = s.double(b.Broken, window); err != nil {
			return b, err
		}
	}
	return narrow(b, window)
}

// resumed is how often a search goes on beyond a rate that was broken by a stall.
const resumed = 2

// narrow halves the space between two rates.
func narrow(b Bracket, window func(float64) (bool, error)) (Bracket, error) {
	for b.Kept > 0 && b.Broken > b.Kept*near {
		middle := round(math.Sqrt(b.Kept * b.Broken))
		if middle <= b.Kept || middle >= b.Broken {
			break // rates this low are whole
		}
		kept, err := most(window, middle)
		if err != nil {
			return b, err
		}
		if kept {
			b.Kept = middle
		} else {
			b.Broken = middle
		}
	}
	return b, nil
}

// bound doubles or halves until the highest rate lies between two, or at an end.
func (s Search) bound(window func(float64) (bool, error)) (b Bracket, err error) {
	kept, err := most(window, s.First)
	if err != nil {
		return b, err
	}
	if !kept {
		b.Broken = s.First
		for rate := s.First; rate > s.Least; {
			rate = max(rate/2, s.Least)
			if kept, err = most(window, rate); err != nil {
				return b, err
			}
			if kept {
				b.Kept = rate
				return b, nil
			}
			b.Broken = rate
		}
		return b, nil
	}
	return s.double(s.First, window)
}

// double goes up from a rate that was kept.
func (s Search) double(rate float64, window func(float64) (bool, error)) (Bracket, error) {
	b := Bracket{Kept: rate}
	for rate < s.Most {
		rate = min(2*rate, s.Most)
		kept, err := most(window, rate)
		if err != nil {
			return b, err
		}
		if !kept {
			b.Broken = rate
			return b, nil
		}
		b.Kept = rate
	}
	return b, nil
}

// most measures windows at a rate until most of them agree.
func most(window func(float64) (bool, error), rate float64) (kept bool, err error) {
	var votes [2]int
	for {
		kept, err := window(rate)
		if err != nil {
			return false, err
		}
		side := 0
		if kept {
			side = 1
		}
		if votes[side]++; votes[side] > windows/2 {
			return kept, nil
		}
	}
}

// Grid is the rates that every epoch measures, in ascending order: a curve around what
// a search found, closer where the ceiling should be. Where no rate was kept it is the
// lowest one and its double, where none was broken it ends with Most.
func (s Search) Grid(b Bracket) []float64 {
	center, factors := math.Sqrt(b.Kept*b.Broken), []float64{0.5, 0.75, 0.9, 0.96, 1, 1.04, 1.1, 1.3}
	switch {
	case b.Kept == 0:
		center, factors = b.Broken, []float64{1, 2}
	case b.Broken == 0:
		center, factors = b.Kept, []float64{0.5, 0.75, 0.9, 1}
	}
	var grid []float64
	for _, f := range factors {
		grid = append(grid, s.within(round(center*f)))
	}
	slices.Sort(grid)
	return slices.Compact(grid)
}

// Further is the rate that an epoch has to measure beside points, because they do not
// hold the ceiling yet; ok is false if they do, or if no such rate may be tried.
func (s Search) Further(points []Point) (rate float64, ok bool) {
	c := Crossing(points)
	switch c.Side {
	case Above:
		rate = s.within(round(c.Rate * step))
		return rate, rate > c.Rate
	case Below:
		rate = s.within(round(c.Rate / step))
		return rate, rate < c.Rate
	}
	return 0, false
}

func (s Search) within(rate float64) float64 { return min(max(rate, s.Least), s.Most) }

// round keeps three significant digits: a rate is to be read, and asked for again.
func round(rate float64) float64 {
	digits, _ := strconv.ParseFloat(strconv.FormatFloat(rate, 'g', 3, 64), 64) // cannot fail
	return digits
}
