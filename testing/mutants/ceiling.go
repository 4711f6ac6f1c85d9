package mutants

// ceilings breaks how much a server is said to take.
func ceilings() []Mutant {
	const pkg = "internal/ceiling"
	return []Mutant{{
		Name: "a count is the ceiling by its estimate, whatever the interval",
		File: pkg + "/callers.go", Package: pkg, Test: "TestHowOftenTheRuleOfCallersErrs",
		Old: "g.HasInterval && g.High < 1+Enough",
		New: "g.HasInterval && g.Value < 1+Enough",
	}, {
		Name: "the gain is not that of the same epoch",
		File: pkg + "/callers.go", Package: pkg, Test: "TestGainPairsTheEpochsThatHaveBoth",
		Old: "twice[i]/once[i])",
		New: "twice[i]/once[0])",
	}, {
		Name: "one broken window breaks a rate",
		File: pkg + "/search.go", Package: pkg, Test: "TestMostOfThreeWindowsDecide",
		Old: "votes[side] > windows/2",
		New: "votes[side] > windows/2 || !kept",
	}, {
		Name: "a search goes above its cap",
		File: pkg + "/search.go", Package: pkg, Test: "TestFindStopsAtTheEndsThatItIsGiven",
		Old: "rate = min(2*rate, s.Most)",
		New: "rate = 2 * rate",
	}, {
		Name: "the ceiling lies at the last rate that was kept",
		File: pkg + "/crossing.go", Package: pkg, Test: "TestCrossingIsWhereTheCurveCrosses",
		Old: "rate := from * math.Pow(to/from, -fit[i-1]/(fit[i]-fit[i-1]))",
		New: "rate := from * math.Pow(to/from, 0*fit[i-1])",
	}, {
		Name: "windows of the search count in the estimate",
		File: "internal/compare/ceiling.go", Package: "internal/compare", Test: "TestWindowsOfTheSearchCountInNothing",
		Old: "if !ok || !b.Counts() || b.Rate != rate {",
		New: "if !ok || b.Rate != rate {",
	}, {
		Name: "what the generator took of CPUs in full use is not looked at",
		File: pkg + "/limit.go", Package: "internal/compare", Test: "TestTheGeneratorsCeilingIsNotCalledTheServers",
		Old: "return ServerCPU, client <= server/2",
		New: "return ServerCPU, true",
	}, {
		Name: "what the generator took is not looked at",
		File: pkg + "/limit.go", Package: "internal/compare", Test: "TestTheGeneratorsCeilingIsNotCalledTheServers",
		Old: "return ServerCPU, client <= server/2",
		New: "return ServerCPU, true",
	}, {
		Name: "a stall is not seen",
		File: pkg + "/repeat.go", Package: pkg, Test: "TestStalledWindowsHardlyMoveTheCeiling",
		Old: "return attempt < attempts && ",
		New: "return attempt < 1 && ",
	}, {
		Name: "a window that was measured again counts",
		File: "internal/result/ceiling.go", Package: "internal/runner", Test: "TestADisturbedWindowIsMeasuredAgain",
		Old: "return !b.Search && !b.Again",
		New: "return !b.Search",
	}, {
		Name: "windows of a low rate are as short as others",
		File: "internal/runner/ceiling.go", Package: "internal/runner", Test: "TestASearchKeepsToItsCap",
		Old: "length := r.plan.WindowAt(b.rate)",
		New: "length := r.plan.Window",
	}, {
		Name: "a window that is lost from a ceiling is not missed",
		File: "internal/result/ceiling.go", Package: "internal/result", Test: "TestEachCheckSaysWhatIsWrongAndNothingElse",
		Old: "sameCounts(q, a.Name, sum, want)",
		New: "sameCounts(q, a.Name, want, want)",
	}, {
		Name: "a TARGET is loaded without a cap",
		File: "internal/plan/ceiling.go", Package: "internal/plan", Test: "TestACeilingRefusesWhatItCannotObey",
		Old: "if r.hasTarget() && len(maxRate) == 0 {",
		New: "if r.hasTarget() && len(maxRate) > 9 {",
	}}
}
