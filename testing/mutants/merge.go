package mutants

// merging breaks how results of one plan add up.
func merging() []Mutant {
	const results = "internal/result"
	return []Mutant{{
		Name: "two machines measure an epoch one after the other",
		File: results + "/merge.go", Package: results, Test: "TestRatesOfMachinesAddUpAndThoseOfEpochsDoNot",
		Old: "a.Figures.and(b.Figures, together)",
		New: "a.Figures.and(b.Figures, inTurn)",
	}, {
		Name: "an epoch that two results have is the first one's",
		File: results + "/merge.go", Package: results, Test: "TestOrderAndGroupingOfMergesDoNotMatter",
		Old: "if e, err = mergeEpoch(known, e); err != nil {",
		New: "if _, err = mergeEpoch(known, e); err != nil {",
	}, {
		Name: "an arm forgets its epochs",
		File: results + "/merge.go", Package: results, Test: "TestRatesOfMachinesAddUpAndThoseOfEpochsDoNot",
		Old: "if err := a.add(one); err != nil {",
		New: "if err := (&Arm{}).add(one); err != nil {",
	}, {
		Name: "bytes under compression are not added",
		File: results + "/sums.go", Package: results, Test: "TestOrderAndGroupingOfMergesDoNotMatter",
		Old: "\tc.Bytes.Add(o.Bytes)\n",
		New: "\tc.Bytes = o.Bytes\n",
	}}
}
