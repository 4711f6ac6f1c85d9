package main

import (
	"strings"

	"github.com/spf13/cobra"

	"grpcbench/internal/plan"
)

// offer has the shell complete a flag of c with values, and with no file names.
// A value that ends in "=" or "<" is continued.
func offer(c *cobra.Command, flag string, values []string) {
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(values) > 0 && strings.ContainsAny(values[0][len(values[0])-1:], "=<") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	// The error would say that c has no such flag or completes it already: then
	// there is nothing to add.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, directive))
}

// offerPlan does so for each flag of a plan whose values can be listed.
func offerPlan(c *cobra.Command) {
	for flag, values := range plan.Offers() {
		if c.Flags().Lookup(flag) != nil {
			offer(c, flag, values)
		}
	}
}
