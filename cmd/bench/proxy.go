package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
)

// sayProxies says once that a proxy of the environment, which others would reach a target of
// p by, is not used. What the variables hold may be secret.
func sayProxies(stderr io.Writer, p plan.Plan) {
	var names, targets []string
	for _, a := range p.Arms {
		t := a.Settings.Target
		set := probe.Proxies(t)
		if len(set) == 0 || slices.Contains(targets, t) {
			continue
		}
		names, targets = set, append(targets, t)
	}
	if len(targets) > 0 {
		say(stderr, fmt.Errorf("proxies are not used, though the environment has %s: connections go to %s directly (NO_PROXY can except it)",
			strings.Join(names, ", "), strings.Join(targets, ", ")))
	}
}
