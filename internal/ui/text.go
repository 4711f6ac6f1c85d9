package ui

import "grpcbench/internal/mask"

// How many characters of one string are shown.
const (
	longName     = 80
	longSentence = 500
)

// shown is s on one line, with nothing in it that acts, cut to a length.
func shown(s string, most int) string {
	// A string may have megabytes; a character has at most four bytes.
	s = mask.Harmless(s[:min(len(s), 4*(most+1))])
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
