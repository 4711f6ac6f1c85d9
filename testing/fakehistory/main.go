// Generate makes stored results out of one, to measure what a long history costs:
//
//	go run ./testing/fakehistory results/ID DIR 10000
//
// writes 10 000 results to DIR, one for each hour before now. Their ratios are those of
// the result with 2 % of noise, one in forty is disturbed tenfold, and those of the
// later half are 5 % higher. The seed is fixed. One in fifty was interrupted.
package main

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"grpcbench/internal/result"
)

func main() {
	if err := generate(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("must be given a result, a directory and a number, got %d arguments", len(args))
	}
	n, err := strconv.Atoi(args[2])
	if err != nil || n < 1 {
		return fmt.Errorf("number %q: must be a whole number above 0", args[2])
	}
	template, err := result.Read("", args[0])
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	first := time.Now().UTC().Truncate(time.Hour).Add(-time.Duration(n) * time.Hour)
	for i := range n {
		r := vary(template, random, i >= n/2)
		r.Created = first.Add(time.Duration(i) * time.Hour)
		r.ID = result.NewID(r.Created)
		r.Plan.Tags = maps.Clone(r.Plan.Tags)
		if r.Plan.Tags == nil {
			r.Plan.Tags = map[string]string{}
		}
		r.Plan.Tags["commit"] = fmt.Sprintf("%040x", i)
		r.Plan.Seed = random.Uint64N(1 << 53)
		if random.IntN(50) == 0 {
			r.Interrupted = "SIGINT"
		}
		result.Examine(&r)
		if _, err := result.Write(args[1], r); err != nil {
			return err
		}
	}
	return nil
}

// vary is r with other ratios.
func vary(r result.Result, random *rand.Rand, later bool) result.Result {
	r.Comparisons = slices.Clone(r.Comparisons)
	for i := range r.Comparisons {
		noise := 0.02
		if random.IntN(40) == 0 {
			noise = 0.2
		}
		change := math.Exp(noise * random.NormFloat64())
		if later {
			change *= 1.05
		}
		c := &r.Comparisons[i]
		for _, v := range []**float64{&c.Ratio, &c.Low, &c.High} {
			if *v != nil {
				scaled := **v * change
				*v = &scaled
			}
		}
	}
	return r
}
