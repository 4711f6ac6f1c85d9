package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/result"
	"grpcbench/internal/webpage"
)

// trust is what the run says of itself: checks, warnings, ledger.
func (h htmlBook) trust() webpage.Section {
	s := webpage.Section{ID: "checks", Title: "Checks and warnings", Lead: clean(strings.Join(agreement(h.Result), " · ") + ".")}
	passed := 0
	t := &webpage.Table{Caption: "Every question that was asked of the result", Head: []string{"check", "answer", "what was found"}}
	for _, c := range h.Checks {
		row := webpage.Row{Name: clean(c.Code), Cells: webpage.Text("not asked", clean(c.Skipped))}
		if c.Skipped == "" {
			row.Cells = webpage.Text("passed", clean(c.Text))
			switch {
			case c.Verdict != result.Valid:
				row.Cells[0] = webpage.Cell{Text: clean(string(c.Verdict)), Tone: "higher"}
			case c.Text != "":
				row.Cells[0].Text = "warning"
			default:
				passed++
			}
		}
		t.Rows = append(t.Rows, row)
	}
	t.Rows = capped(t.Rows, h.detail.rows, func(n int) webpage.Row { return webpage.Row{Name: "and", Cells: webpage.Text(plural(n, "more"), "")} })
	doubts := webpage.Block{Lead: fmt.Sprintf("%d of %s passed without remark.", passed, plural(len(h.Checks), "check")), Notes: h.doubts()}
	s.Blocks = append(s.Blocks, doubts, webpage.Block{Folded: "All checks", Table: t}, webpage.Block{Folded: "Ledger of the windows", Table: h.ledger()})
	if fs := failures(h.Result); len(fs) > 0 {
		t := &webpage.Table{Caption: "RPCs that did not end well", Head: []string{"arm", "scheduled", "ok", "failed", "not started", "abandoned"}}
		for _, f := range fs[:min(len(fs), h.detail.arms)] {
			t.Rows = append(t.Rows, webpage.Row{Name: clean(f.arm), Cells: webpage.Text(count(f.ledger.Scheduled), count(f.ledger.OK), clean(f.failed), clean(f.notStarted), count(f.ledger.Abandoned))})
		}
		s.Blocks = slices.Insert(s.Blocks, 1, webpage.Block{Table: t})
	}
	return s
}

func (h htmlBook) ledger() *webpage.Table {
	if opened(h.Result) {
		return h.openedTable()
	}
	t := &webpage.Table{Caption: "scheduled = not started + started; started = ok + failed + abandoned",
		Head: []string{"arm", "scheduled", "not started", "started", "ok", "failed", "abandoned"}}
	for _, a := range h.Arms[:min(len(h.Arms), h.detail.arms)] {
		l := a.Ledger
		row := webpage.Row{Name: clean(a.Name)}
		for _, c := range []struct {
			key string
			n   int64
		}{{"scheduled", l.Scheduled}, {"not_started", l.Unstarted()}, {"started", l.Started}, {"ok", l.OK}, {"failed", l.Failures()}, {"abandoned", l.Abandoned}} {
			row.Cells = append(row.Cells, webpage.Cell{Text: count(c.n), Value: strconv.FormatInt(c.n, 10), Key: c.key})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// choices are the settings that were asked for, and what was observed of them.
func (h htmlBook) choices() webpage.Section {
	s := webpage.Section{ID: "settings", Title: "Settings asked for and observed"}
	arms := h.Arms[:min(len(h.Arms), h.detail.arms)]
	if len(arms) == 0 {
		return s
	}
	asked := make([]map[string][]string, len(arms))
	names := map[string]bool{}
	for i, a := range arms {
		asked[i] = a.Settings.Asked()
		for name := range asked[i] {
			names[name] = true
		}
	}
	var common []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.ContainsFunc(asked, func(m map[string][]string) bool { return !slices.Equal(m[name], asked[0][name]) }) {
			common = append(common, name+" "+strings.Join(asked[0][name], ", "))
			delete(names, name)
		}
	}
	t := &webpage.Table{Caption: "Asked: only what is not the same in all arms", Head: []string{"arm", "asked", "observed on the wire and by the server"}}
	for i, a := range arms {
		var own []string
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if v := asked[i][name]; v != nil {
				own = append(own, name+" "+strings.Join(v, ", "))
			}
		}
		observed := strings.Join(seen(a), " · ")
		tone := ""
		for _, m := range a.Observed.Mismatches {
			observed, tone = observed+" · NOT AS ASKED: "+m, "higher"
		}
		t.Rows = append(t.Rows, webpage.Row{Name: clean(a.Name), Cells: []webpage.Cell{
			{Text: clean(strings.Join(own, " · ")), Long: true}, {Text: clean(observed), Tone: tone, Long: true}}})
	}
	s.Blocks = []webpage.Block{{Lead: "The same in all arms: " + clean(strings.Join(common, " · ")) + ".", Table: t}}
	return s
}

// where is the machine and the versions.
func (h htmlBook) where() webpage.Section {
	m := h.Machine
	t := &webpage.Table{Caption: "What the machine did in each epoch's window: shares of all CPUs' time, and how late a sleeping thread woke",
		Head: []string{"epoch", "CPU of the run", "CPU of others", "stolen", "hiccup p99", "hiccup max"}}
	for i, e := range m.Epochs {
		ns := func(v *int64) string {
			if v == nil {
				return absent
			}
			return duration(float64(*v))
		}
		t.Rows = append(t.Rows, webpage.Row{Name: strconv.Itoa(i + 1), Cells: webpage.Text(maybe(oursShare(e), share), maybe(e.CompetingShare, share),
			maybe(e.StealShare, share), ns(e.HiccupP99NS), ns(e.HiccupMaxNS))})
	}
	t.Rows = capped(t.Rows, h.detail.rows, func(n int) webpage.Row { return webpage.Row{Name: "and", Cells: webpage.Text(plural(n, "more epoch"))} })
	var environment []string
	for _, name := range slices.Sorted(maps.Keys(m.Environment)) {
		environment = append(environment, name+"="+m.Environment[name])
	}
	items := machine(h.Result)
	if m.MemBytes > 0 {
		items = append(items, "memory "+digits(float64(m.MemBytes)/(1<<30))+" GiB")
	}
	if m.CgroupCPUs > 0 {
		items = append(items, "quota "+digits(m.CgroupCPUs)+" CPUs")
	}
	list := make([]string, 0, len(items))
	for _, item := range append(items, environment...) {
		list = append(list, clean(item))
	}
	s := webpage.Section{ID: "machine", Title: "Machine and versions", Blocks: []webpage.Block{{List: capped(list, 60, func(n int) string { return plural(n, "more") })}}}
	if len(m.Epochs) > 0 {
		s.Blocks = append(s.Blocks, webpage.Block{Folded: "Epoch by epoch", Table: t})
	}
	return s
}

// again is how to measure the same once more.
func (h htmlBook) again() webpage.Section {
	lead := "The same plan and seed: " + strconv.FormatUint(h.Plan.Seed, 10) + ". Arrivals, contents and orders follow from it; the machine's state does not."
	if commit := h.Plan.Tags["commit"]; commit != "" {
		lead += " The commit was " + clean(commit) + "."
	}
	if strings.Contains(strings.Join(repeat(h.Plan), " "), "bytes)") {
		lead += " Metadata values are stored nowhere: their lengths stand in their place."
	}
	return webpage.Section{ID: "repeat", Title: "How to reproduce", Lead: lead, Blocks: []webpage.Block{{Code: command(repeat(h.Plan))}}}
}
