package mutants

// gates breaks limits, and the account where RPCs come back too late.
func gates() []Mutant {
	return []Mutant{{
		Name: "an epoch of lost RPCs keeps a limit",
		File: "internal/compare/gate.go", Package: "internal/compare", Test: "TestAnEpochOfLostRPCsKeepsNoLimit",
		Old: "q.ratio == nil || q.beyond > 0",
		New: "q.ratio == nil",
	}, {
		Name: "a limit finer than the verdict is not looked at",
		File: "internal/compare/gate.go", Package: "internal/compare", Test: "TestRelativeGates",
		Old: " || q.threshold.Op != \"\" && q.low != nil && *q.low > q.limit()",
		New: "",
	}, {
		Name: "a gate that nothing can be held against is a warning",
		File: "internal/compare/gate.go", Package: "internal/compare", Test: "TestNoGateIsGreenAboutWhatItDidNotLookAt",
		Old: "case q.ratio == nil:\n\t\t\tg.Outcome, g.NotJudged = result.Fail, true",
		New: "case q.ratio == nil:\n\t\t\tg.NotJudged = true",
	}, {
		Name: "one arm beside a baseline is judged by what it has",
		File: "internal/plan/gates.go", Package: "internal/plan", Test: "TestGatesThatCannotBeAnsweredAreRefused",
		Old: "if len(p.Arms) != 1 || len(moved) == 0 {",
		New: "if true {",
	}, {
		Name: "runs of two machines are one series",
		File: "internal/history/history.go", Package: "internal/history", Test: "TestAnotherMachineIsNoChangeOfACommit",
		Old: "return System{m.OS, m.Arch, m.CPU, m.CPUs, m.CgroupCPUs}",
		New: "return System{m.OS, m.Arch, \"\", m.CPUs, m.CgroupCPUs}",
	}, {
		Name: "a history of too few runs is judged",
		File: "internal/history/history.go", Package: "internal/history", Test: "TestANominationNeedsAsManyRunsAsIsSaid",
		Old: "s.Judged = s.Usable >= s.Needed()",
		New: "s.Judged = true",
	}, {
		Name: "RPCs that end while the book is closed are booked",
		File: "internal/load/loop.go", Package: "internal/load", Test: "TestRPCsThatComeBackWhileTheBookIsClosedAreGivenUp",
		Old: "\tr.over = true\n",
		New: "",
	}}
}
