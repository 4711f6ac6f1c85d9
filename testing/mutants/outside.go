package mutants

// outside breaks what is true of servers that are not the bundled one: which of them was
// reached, what it was told, and why it failed.
func outside() []Mutant {
	return []Mutant{{
		Name: "the wire engine has the address for the authority",
		File: "internal/wire/channel.go", Package: "internal/runner", Test: "TestBothEnginesSendOneAuthority",
		Old: "cmp.Or(o.Authority, o.Address)",
		New: "cmp.Or(o.Address, o.Authority)",
	}, {
		Name: "an arm without a compressor announces all codecs",
		File: "internal/plan/accept.go", Package: "internal/plan", Test: "TestAnArmAnnouncesWhatItIsAbout",
		Old: "\tcase codec.None:\n\t\treturn nil\n",
		New: "",
	}, {
		Name: "a codec that the server does not accept is measured",
		File: "internal/worker/preflight.go", Package: "internal/runner", Test: "TestACodecThatTheServerDoesNotNameIsRefused",
		Old: "if c := o.Compression; c.Announced() && heard.Lacks(c.Name) {",
		New: "if c := o.Compression; c.Announced() && heard.Lacks(c.Name) && heard.Size > 0 {",
	}, {
		Name: "causes that are not all known pass for all",
		File: "internal/load/ledger.go", Package: "internal/load", Test: "TestCausesAreCountedByCode",
		Old: "case l.Causes == nil && l.Failures() > 0, o.Causes == nil && o.Failures() > 0:",
		New: "case l.Causes == nil && o.Causes == nil:",
	}, {
		Name: "the process that is named need not hold the connections",
		File: "internal/runner/target.go", Package: "internal/runner", Test: "TestAServerPIDThatServesNothingIsRefused",
		Old: "\tif len(h.others) == 0 {\n\t\treturn nil\n\t}\n\tthem := ",
		New: "\tif h.seen || len(h.others) == 0 {\n\t\treturn nil\n\t}\n\tthem := ",
	}, {
		Name: "a share of the CPU may be above 1",
		File: "internal/probe/watch.go", Package: "internal/probe", Test: "TestSharesAreOfWhatTheRunMayUse",
		Old: "new(min(1, float64(*d)/",
		New: "new(max(0, float64(*d)/",
	}, {
		Name: "a gate that no result can break is undecided",
		File: "internal/compare/gate.go", Package: "internal/compare", Test: "TestTheMoreGatesCompareTheClearerEachMustBe",
		Old: "!q.breakable(len(p)):\n\t\t\tg.Outcome, g.NotJudged = result.Fail, true\n",
		New: "!q.breakable(len(p)):\n",
	}, {
		Name: "an RPC more than the server allows does not wait",
		File: "internal/channel/streams.go", Package: "internal/channel", Test: "TestAWaitIsCountedByTheLimitOfTheMoment",
		Old: "s.inFlight.Add(1) > s.limit.Load()",
		New: "s.inFlight.Add(1)-1 > s.limit.Load()",
	}}
}
