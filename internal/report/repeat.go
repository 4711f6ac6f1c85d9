package report

import (
	"strconv"
	"strings"

	"grpcbench/internal/plan"
)

// repeat is the command line that asks for p again, word by word; not safe to print.
func repeat(p plan.Plan) []string {
	words := []string{"grpc-bench"}
	for _, word := range p.Args() {
		words = append(words, quote(word))
	}
	return words
}

// number prints v with all its digits.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// quote makes one word of s for a POSIX shell.
func quote(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=,@+%", c)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
