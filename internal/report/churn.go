package report

import (
	"maps"
	"slices"
	"strings"

	"grpcbench/internal/result"
)

// churnNote says what the figures of arms hold whose connections were replaced.
const churnNote = "bytes, CPU and allocations of these arms hold the opening of the connections that took the place of others"

// turnover is what became of an arm's connections that were to be replaced.
type turnover struct {
	arm    string // not safe to print
	cells  []string
	unmade string // what became of those that were not replaced, "" if all were; not safe to print
}

// turnovers lists the arms whose connections were to be replaced, full handshakes and
// resumed ones apart.
func turnovers(r result.Result) []turnover {
	var list []turnover
	for _, a := range r.Arms {
		c := a.Churn
		if c == nil {
			continue
		}
		head, rest := []string{count(c.Opened) + " of " + count(c.Due)}, unmade(*c)
		h := c.Handshake
		if h == nil {
			list = append(list, turnover{a.Name, append(head, "–", "–", "–", "–"), rest})
			continue
		}
		for _, kind := range []struct {
			suffix string
			*result.Handshake
		}{{"", h.Full}, {" resumed", h.Resumed}} {
			if kind.Handshake != nil {
				cells := opening{handshake: *kind.Handshake}.cells()
				list = append(list, turnover{a.Name + kind.suffix, slices.Concat(head, slices.Delete(cells, 3, 4)), rest})
				rest = "" // said once
			}
		}
	}
	return list
}

// turnoverHead heads the cells of a turnover: an opening's but CPU, which cannot be told
// from that of the RPCs beside it.
func turnoverHead() []string {
	return slices.Concat([]string{"replaced"}, slices.Delete(openingHead(), 3, 4))
}

// unmade says what became of connections that were not replaced.
func unmade(c result.Churn) string {
	var parts []string
	if c.Missed > 0 {
		parts = append(parts, "missed "+count(c.Missed))
	}
	if failed := tallies(c.Failed); failed != "" {
		parts = append(parts, failed)
	}
	return strings.Join(parts, ", ")
}

// churnFigures are the numbers of c.
func churnFigures(c *result.Churn) []measurement {
	if c == nil {
		return nil
	}
	number := func(metric string, n int64) measurement {
		return measurement{metric: "churn_" + metric, unit: "count", value: float64(n)}
	}
	var failed int64
	var classes []measurement
	for _, class := range slices.Sorted(maps.Keys(c.Failed)) {
		failed += c.Failed[class]
		classes = append(classes, number("failed_"+class, c.Failed[class]))
	}
	list := append([]measurement{number("due", c.Due), number("opened", c.Opened), number("missed", c.Missed), number("failed", failed)}, classes...)
	if h := c.Handshake; h != nil {
		list = append(list, handshake("churn_handshake_full", h.Full)...)
		list = append(list, handshake("churn_handshake_resumed", h.Resumed)...)
	}
	return list
}
