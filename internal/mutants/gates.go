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
		Name: "RPCs that end while the book is closed are booked",
		File: "internal/load/loop.go", Package: "internal/load", Test: "TestRPCsThatComeBackWhileTheBookIsClosedAreGivenUp",
		Old: "\tr.over = true\n",
		New: "",
	}}
}
