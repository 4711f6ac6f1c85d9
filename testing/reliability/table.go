package main

import (
	"fmt"
	"io"
	"strings"
)

// runBy says what runs the tests of a build tag.
func runBy(tag string) string {
	switch tag {
	case "":
		return "go test ./..."
	case "truth", "soak":
		return "make " + tag
	}
	return ".ci/run (tag " + tag + ")"
}

// table writes the promises as Markdown, one table for each package that has some.
func table(out io.Writer, promises []promise) {
	section := ""
	for _, p := range promises {
		if p.dir != section {
			section = p.dir
			fmt.Fprintf(out, "\n### `%s`\n\n| fault | promised | figure | test | run by |\n|---|---|---|---|---|\n", section)
		}
		fmt.Fprintf(out, "| %s | %s | %s | `%s` | `%s` |\n", cell(p.fault), cell(p.promise), cell(p.figure), p.test, runBy(p.tag))
	}
	fmt.Fprintf(out, "\n%d promises.\n\n", len(promises))
}

// cell keeps text inside its cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
