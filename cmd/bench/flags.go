package main

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
)

// didYouMean ends a sentence about an unknown flag with the one of c whose name is nearest
// to what was typed; "": none is near.
func didYouMean(c *cobra.Command, typed string) string {
	if name := nearest(c.Flags(), spelled(typed)); name != "" {
		return "; did you mean --" + name + "?"
	}
	return ""
}

// spelled is typed without a value, as flags are spelled: --max_time and --maxTime are
// max-time.
func spelled(typed string) string {
	typed, _, _ = strings.Cut(typed, "=")
	var b strings.Builder
	for i, c := range typed {
		switch {
		case c == '_':
			c = '-'
		case unicode.IsUpper(c) && i > 0:
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// nearest is the flag with the fewest edits to name, of at most one in three letters; "":
// there is none.
func nearest(fs *pflag.FlagSet, name string) (found string) {
	least := min(len(name)/3, 3) + 1
	fs.VisitAll(func(f *pflag.Flag) {
		if n := plan.Edits(name, f.Name); n < least && !f.Hidden {
			found, least = f.Name, n
		}
	})
	return found
}
