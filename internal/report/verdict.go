package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// flag is what stands at the head of every table of a result that is not whole;
// "" for one that may be used.
func flag(v result.Verdict) string {
	switch v {
	case result.Valid, result.Degraded:
		return ""
	case result.Partial:
		return "PARTIAL: interrupted"
	case result.Invalid:
		return "INVALID: not usable"
	}
	return "UNKNOWN VERDICT: not usable"
}

// headline says what the verdict means, in one line. The signal passes through
// safe on its way in.
func headline(r result.Result, safe func(string) string) string {
	switch r.Verdict {
	case result.Valid, result.Degraded:
		return string(r.Verdict)
	case result.Partial:
		how := "interrupted by " + safe(r.Interrupted)
		if r.Unfinished {
			how = "ended without storing its result"
		}
		return fmt.Sprintf("PARTIAL: %s after %d of %s", how, wholeEpochs(r), epochs(r.Plan.Epochs))
	}
	if r.Interrupted != "" {
		return flag(r.Verdict) + ", and interrupted by " + safe(r.Interrupted)
	}
	return flag(r.Verdict)
}

// tally counts what was asked of the result and what is doubted.
func tally(r result.Result) string {
	asked := 0
	for _, c := range r.Checks {
		if c.Skipped == "" {
			asked++
		}
	}
	return plural(asked, "check") + ", " + plural(len(findings(r)), "warning")
}

// finding is a doubt about the result and how bad it is; text is not safe to
// print.
type finding struct {
	verdict result.Verdict // Valid: a warning only
	text    string
}

func (f finding) head() string {
	if f.verdict == result.Valid {
		return "WARNING"
	}
	return string(f.verdict)
}

// findings are the doubts about r, the worst first. What one check found in
// several arms is one finding: the worst of them, and how many more there are.
func findings(r result.Result) []finding {
	byCode := make(map[string][]result.Warning)
	for _, w := range r.Warnings {
		byCode[w.Code] = append(byCode[w.Code], w)
	}
	var fs []finding
	for _, c := range r.Checks {
		warnings := byCode[c.Code]
		delete(byCode, c.Code)
		if c.Skipped != "" || c.Verdict == result.Valid && len(warnings) == 0 {
			continue
		}
		text := c.Text
		if text == "" {
			text = c.Code
		}
		if n := len(warnings) - 1; n > 0 {
			text += fmt.Sprintf(" (and %d more like it)", n)
		}
		fs = append(fs, finding{c.Verdict, text})
	}
	for _, w := range r.Warnings {
		if byCode[w.Code] == nil {
			continue // a check's
		}
		if w.Arm != "" {
			w.Text = w.Arm + ": " + w.Text
		}
		fs = append(fs, finding{result.Valid, w.Text})
	}
	order := []result.Verdict{result.Invalid, result.Partial, result.Degraded, result.Valid}
	slices.SortStableFunc(fs, func(a, b finding) int {
		return slices.Index(order, a.verdict) - slices.Index(order, b.verdict)
	})
	return fs
}

// wholeEpochs is how many epochs were not cut short.
func wholeEpochs(r result.Result) (done int) {
	for _, a := range r.Arms {
		whole := slices.DeleteFunc(slices.Clone(a.Epochs), func(e result.Epoch) bool { return e.Interrupted })
		done = max(done, len(whole))
	}
	return done
}

func epochs(e plan.Epochs) string {
	if e.Max == 1 {
		return "1 epoch"
	}
	return e.String() + " epochs"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// agreement says what the run's own books say of each other.
func agreement(r result.Result) []string {
	observed := observation(r)
	if opened(r) {
		return append(openedAgreement(r), observed)
	}
	return append(loadAgreement(r), observed)
}

// observation says which settings were seen to be as asked: it claims nothing of those
// that nobody told of.
func observation(r result.Result) string {
	mismatches := 0
	for _, a := range r.Arms {
		mismatches += len(a.Observed.Mismatches)
	}
	i := slices.IndexFunc(r.Checks, func(c result.Check) bool { return c.Code == "settings_not_observed" })
	switch {
	case mismatches > 0:
		return plural(mismatches, "setting") + " not as asked"
	case i >= 0 && r.Checks[i].Verdict == result.Invalid:
		return "settings not as asked"
	}
	text := "settings observed as asked"
	if names := r.Unobserved(); len(names) > 0 {
		text += ", but for " + enumerate(names) + ": sent; not known whether " + map[bool]string{true: "it", false: "they"}[len(names) == 1] + " arrived"
	}
	return text
}

// okByCode says which RPCs of all arms were ok with another code than OK.
func okByCode(r result.Result) string {
	by := map[string]int64{}
	for _, a := range r.Arms {
		for code, n := range a.LedgerTotal.OKByCode {
			by[code] += n
		}
	}
	return tallies(by)
}

// enumerate lists words: "a", "a and b", "a, b and c".
func enumerate(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// loadAgreement is agreement of a load.
func loadAgreement(r result.Result) []string {
	var l result.Ledger
	var ok, server int64
	served := true
	for _, a := range r.Arms {
		l.Scheduled += a.LedgerTotal.Scheduled
		ok += a.LedgerTotal.OK
		if a.ServerLedger == nil {
			served = false
		} else {
			server += a.ServerLedger.OK
		}
	}
	head := fmt.Sprintf("ledger %s scheduled, %s ok", count(l.Scheduled), count(ok))
	if by := okByCode(r); by != "" {
		head += " (" + by + ")"
	}
	items := []string{strings.Join(append([]string{head}, lostOf(r)...), ", ")}
	if served && len(r.Arms) > 0 {
		return append(items, "server counted "+count(server)+" ok")
	}
	return append(items, uncounted(r))
}

// uncounted is why there is no count of the server's for every arm.
func uncounted(r result.Result) string {
	for _, a := range r.Arms {
		s, l := a.Observed.ServerCount, a.LedgerTotal
		switch {
		case s == nil || s.Started == 0:
		case s.Shared:
			return "server counts arms together"
		case s.Started > l.Started:
			return fmt.Sprintf("server counted %s started, %s more than were sent: others call it, or a proxy repeats RPCs", count(s.Started), count(s.Started-l.Started))
		case s.Started < l.OK:
			return fmt.Sprintf("server counted %s started, %s fewer than were ok: others answer too", count(s.Started), count(l.OK-s.Started))
		}
	}
	return "server has no count"
}

// failure is what became of an arm's RPCs that did not end well, in the windows.
type failure struct {
	arm                string // not safe to print, like the next two
	failed, notStarted string
	ledger             result.Ledger
}

// failures lists the arms of which some RPC failed, was not started or was
// abandoned.
func failures(r result.Result) []failure {
	var fs []failure
	for _, a := range r.Arms {
		l := a.Ledger
		f := failure{a.Name, failedBy(l), tallies(l.NotStarted), l}
		if f.failed != "" || f.notStarted != "" || l.Abandoned > 0 {
			fs = append(fs, f)
		}
	}
	return fs
}

// tallies prints the counts of m that are not zero, the largest first.
func tallies(m map[string]int64) string {
	var parts []string
	for _, k := range result.LargestFirst(m) {
		parts = append(parts, k+" "+count(m[k]))
	}
	return strings.Join(parts, ", ")
}
