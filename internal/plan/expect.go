package plan

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/code"
)

// parseExpect reads code=CODE,CODE…: the codes that make an RPC good. OK alone is what is
// expected without it.
func parseExpect(text string) ([]string, error) {
	list, ok := strings.CutPrefix(text, "code=")
	names := strings.Split(strings.ToUpper(list), ",")
	if !ok || slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(code.Names(), name) }) {
		return nil, fmt.Errorf("must be code= and codes of gRPC, as in code=OK,NOT_FOUND: %s", strings.Join(code.Names(), ", "))
	}
	all := slices.DeleteFunc(code.Names(), func(name string) bool { return !slices.Contains(names, name) })
	if len(all) == 1 && all[0] == code.Names()[0] {
		return nil, nil
	}
	return all, nil
}
