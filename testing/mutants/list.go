package mutants

// schedule breaks when RPCs start.
func schedule() []Mutant {
	const loads = "internal/load"
	return []Mutant{{
		Name: "the seed of a Poisson schedule is ignored",
		File: loads + "/schedule.go", Package: loads, Test: "TestPoissonRepeatsForASeedOnly",
		Old: "rand.NewPCG(p.Seed, ",
		New: "rand.NewPCG(1, ",
	}, {
		Name: "the gap of a uniform schedule is rounded before it is summed",
		File: loads + "/schedule.go", Package: loads, Test: "TestUniformDoesNotDrift",
		Old: "time.Duration(math.Round(float64(i)/u.Rate*1e9))",
		New: "time.Duration(i)*time.Duration(math.Round(1e9/u.Rate))",
	}, {
		Name: "the lateness of the pacer is not charged to the call",
		File: loads + "/open.go", Package: loads, Test: "TestAGeneratorThatWasBlockedChargesItsDelayToTheCalls",
		Old: "l.release(r, e, seq, intended)",
		New: "l.release(r, e, seq, l.Clock.Now())",
	}, {
		Name: TimesFromActualStart,
		File: loads + "/book.go", Package: loads, Test: "TestAGeneratorThatWasBlockedChargesItsDelayToTheCalls",
		Old: "iv.latency.Record(int64(x.Latency()))",
		New: "iv.latency.Record(int64(x.ServiceTime()))",
	}, {
		Name: ForgetsIntendedStart,
		File: loads + "/engine.go", Package: loads, Test: "TestAGeneratorThatWasBlockedChargesItsDelayToTheCalls",
		Old: "\t\top.Sent = c.turns.Now()\n",
		New: "\t\top.Sent = c.turns.Now()\n\t\top.Intended = op.Sent\n",
	}, {
		Name: "an arrival waits until there is room in flight",
		File: loads + "/open.go", Package: loads, Test: "TestArrivalsBeyondTheCapAreNeverQueued",
		Old: "\tif r.flow.InFlight() >= int64(l.MaxInFlight) {\n",
		New: "\tfor r.flow.InFlight() >= int64(l.MaxInFlight) {\n\t\ttime.Sleep(time.Millisecond)\n\t}\n\tif r.flow.InFlight() >= int64(l.MaxInFlight) {\n",
	}, {
		Name: "the warm-up counts in the window",
		File: loads + "/book.go", Package: loads, Test: "TestEdgesAreReadAtTheWindowsEnds",
		Old: "if t < b.phases.Warmup {",
		New: "if t < 0 {",
	}, {
		Name: "the A/A arm is dropped",
		File: "internal/plan/complete.go", Package: "internal/plan", Test: "TestOverheadsHasTenArmsAndAA",
		Old: "p.Arms = append(p.Arms, twin)",
		New: "p.Arms = p.Arms[:len(p.Arms):len(p.Arms)]",
	}, {
		Name: "adding an arm moves the arrivals of the others",
		File: "internal/plan/plan.go", Package: "internal/plan", Test: "TestArmSeedDependsOnSeedEpochAndName",
		Old: "sha256.Sum256(append(data, arm...))",
		New: "sha256.Sum256(data)",
	}}
}

// account breaks what becomes of an RPC in the books.
func account() []Mutant {
	const loads, results = "internal/load", "internal/result"
	return []Mutant{{
		Name: "one ended RPC in 10 000 is not booked",
		File: loads + "/book.go", Package: loads, Test: "TestOpenLoopSeesAStallAsItsArrivalsDo",
		Old: "func (b *Book) Ended(seq int64, x Sample) {\n",
		New: "func (b *Book) Ended(seq int64, x Sample) {\n\tif seq%10_000 == 9_999 {\n\t\treturn\n\t}\n",
	}, {
		Name: DropsSamples,
		File: loads + "/book.go", Package: loads, Test: "TestOpenLoopOfDD1IsTheServiceTime",
		Old: "\t\tif iv != nil {\n\t\t\tiv.latency.Record(",
		New: "\t\tif iv != nil && seq%50 != 49 {\n\t\t\tiv.latency.Record(",
	}, {
		Name: "an RPC ends as its first attempt does, at stats.End",
		File: "internal/call/call.go", Package: "internal/runner", Test: "TestARefusedStreamIsTriedAgainAndCountedOnce",
		Old: "err := once(ctx, conn)\n",
		New: "err := channel.EndOfAttempt(ctx, func(ctx context.Context) error { return once(ctx, conn) })\n",
		Also: []Edit{
			{"internal/call/call.go", "\t\"grpcbench/internal/codec\"\n", "\t\"grpcbench/internal/channel\"\n\t\"grpcbench/internal/codec\"\n"},
			{"internal/channel/channel.go", "\t\tgrpc.WithNoProxy(),\n", "\t\tgrpc.WithNoProxy(), grpc.WithStatsHandler(new(attemptEnds)),\n"},
			{"internal/channel/channel.go", "\t\"google.golang.org/grpc/credentials/insecure\"\n", "\t\"google.golang.org/grpc/credentials/insecure\"\n\t\"google.golang.org/grpc/stats\"\n"},
			{"internal/channel/channel.go", "// Open makes a channel", endOfAttempt + "// Open makes a channel"},
		},
	}, {
		Name: "what was not started is not booked",
		File: loads + "/open.go", Package: loads, Test: "TestArrivalsBeyondTheCapAreBookedAndRankAboveAllOthers",
		Old: "\t\tr.book.NotStarted(seq, intended, MaxInFlight)\n",
		New: "",
	}, {
		Name: "the conservation of RPCs is not checked",
		File: loads + "/ledger.go", Package: loads, Test: "TestLedgerNamesTheSumThatDoesNotHold",
		Old: "got != l.Started {",
		New: "got < 0 {",
	}, {
		Name: "a quantile ignores the calls without a latency",
		File: results + "/distribution.go", Package: results, Test: "TestSummarizeRanksWhatHasNoValueAboveAll",
		Old: "h.Quantile(q.q, n)",
		New: "h.Quantile(q.q, h.Count())",
	}, {
		Name: "the ledgers of a result are not checked",
		File: results + "/account.go", Package: results, Test: "TestEachCheckSaysWhatIsWrongAndNothingElse",
		Old: "if err := l.Check(); err != nil {",
		New: "if err := l.Check(); err != nil && l.Scheduled < 0 {",
	}, {
		Name: "the ledger of the server is ignored",
		File: results + "/account.go", Package: results, Test: "TestEachCheckSaysWhatIsWrongAndNothingElse",
		Old: "case !s.Fits(l):",
		New: "case s.Started < 0:",
	}, {
		Name: "a stored result is not held against its own content",
		File: results + "/examine.go", Package: results, Test: "TestRecheckRefusesAnswersThatTheContentDoesNotGive",
		Old: "if fresh.Verdict != r.Verdict {",
		New: "if fresh.Verdict == \"\" {",
	}}
}

// wire breaks that a setting is obeyed, and that this is observed.
func wire() []Mutant {
	return []Mutant{{
		Name: UnplugsCompression,
		File: "internal/call/call.go", Package: "internal/call", Test: "TestARequestIsCompressedAtALevelUnlessItIsEmpty",
		Old: "return o.unary(conns, options, nil), nil",
		New: "return o.unary(conns, nil, nil), nil",
	}, {
		Name: "unique metadata repeats",
		File: "internal/call/metadata.go", Package: "internal/call", Test: "TestUniqueMetadataNeverRepeatsAndKeepsItsLength",
		Old: "b[i] = hexDigits[n&15]",
		New: "b[i] = hexDigits[i&15]",
	}, {
		Name: "the TLS version is only a lower bound",
		File: "internal/channel/tls.go", Package: "internal/channel", Test: "TestTLSParametersAreThoseAskedFor",
		Old: "c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12",
		New: "c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS13",
	}, {
		Name: "bytes are counted a read short",
		File: "internal/channel/conn.go", Package: "internal/channel", Test: "TestBytesAreThoseOfTheWire",
		Old: "c.channel.received.Add(int64(n))",
		New: "c.channel.received.Store(int64(n))",
	}, {
		Name: "settings are not held against what was observed",
		File: "internal/result/observed.go", Package: "internal/result", Test: "TestEachCheckSaysWhatIsWrongAndNothingElse",
		Old: "range append(o.wrong, a.Observed.Mismatches...) {",
		New: "range a.Observed.Mismatches {",
	}}
}

// engine breaks the HTTP/2 client.
func engine() []Mutant {
	const wires = "internal/wire"
	return []Mutant{{
		Name: "what header blocks meant is remembered when the table has changed",
		File: wires + "/headers.go", Package: wires, Test: "TestWhatIsRememberedIsWhatTheDecoderSays",
		Old: "\t\tr.known = r.known[:0]\n",
		New: "",
	}, {
		Name: "a literal that is to be indexed counts as one that is not",
		File: wires + "/headers.go", Package: wires, Test: "TestWhatIsRememberedIsWhatTheDecoderSays",
		Old: "case b&0xe0 == 0:",
		New: "case b < 0x80:",
	}, {
		Name: "a stream's window is ignored",
		File: wires + "/conn.go", Package: wires, Test: "TestAMessageIsSentAsTheWindowsAllow",
		Old: "min(int64(s.unsent), c.window, s.window)",
		New: "min(int64(s.unsent), c.window)",
	}, {
		Name: "grpc-status is not looked at",
		File: wires + "/response.go", Package: wires, Test: "TestAResponseInPiecesIsTheSame",
		Old: "case m.grpcStatus != 0:",
		New: "case m.grpcStatus < 0:",
	}, {
		Name: "a stream that GOAWAY names is made again",
		File: wires + "/conn.go", Package: wires, Test: "TestAGoAwayEndsAndMovesTheRightStreams",
		Old: "return s.id > last }",
		New: "return s.id >= last }",
	}, {
		Name: "RPCs wait for streams without being begun",
		File: wires + "/conn.go", Package: wires, Test: "TestRPCsWaitForTheStreamsThatTheServerAllows",
		Old: "\tc.resume()\n\tc.admit()\n",
		New: "\tc.resume()\n",
	}, {
		Name: "half of the connection's window is never given back",
		File: wires + "/response.go", Package: wires, Test: "TestWindowsAreGivenBackToTheByte",
		Old: "h2code.FrameWindowUpdate, 0, uint32(c.unacked))",
		New: "h2code.FrameWindowUpdate, 0, uint32(c.unacked/2))",
	}, {
		Name: "what was started last is not sent",
		File: "internal/load/open.go", Package: "internal/load", Test: "TestWhatWasStartedIsSentHoweverLateTheLoopIs",
		Old: "\tdefer e.Flush() // what was started last, however pacing ended\n",
		New: "",
	}}
}

// verdicts breaks what is concluded.
func verdicts() []Mutant {
	const stats, results = "internal/stats", "internal/result"
	return []Mutant{{
		Name: "the ends of an interval are swapped",
		File: stats + "/signedrank.go", Package: stats, Test: "TestIntervalEqualsPublishedValues",
		Old: "return averages[k-1], averages[len(averages)-k], true",
		New: "return averages[len(averages)-k], averages[k-1], true",
	}, {
		Name: "a difference of any size is slower",
		File: stats + "/verdict.go", Package: stats, Test: "TestJudgeGivesTheVerdictOfTheRule",
		Old: "e.P <= alpha && math.Abs(e.LogRatio) >= math.Log1p(delta/2)",
		New: "e.P <= alpha",
	}, {
		Name: "epochs are paired by position",
		File: "internal/compare/compare.go", Package: "internal/compare", Test: "TestArmsPairsEpochsByIndex",
		Old: "other := others[index]\n",
		New: "other := others[i]\n",
	}, {
		Name: "epochs are paired in the opposite order",
		File: "internal/compare/compare.go", Package: "internal/compare", Test: "TestArmsKeepsTheNominalErrorOnADriftingMachine",
		Old: "\t\tothers[control.Epochs[i].Index] = &control.Epochs[i]\n",
		New: "\t\tothers[control.Epochs[len(control.Epochs)-1-i].Index] = &control.Epochs[i]\n",
	}, {
		Name: "arms are measured one after the other",
		File: "internal/runner/epoch.go", Package: "internal/runner", Test: "TestArmsAreMeasuredTogether",
		Old: "\tgroup := errgroup.Group{}\n\tfor _, a := range e.arms {\n\t\tgroup.Go(func() error {\n\t\t\tvar m worker.Measured\n",
		New: "\tgroup := errgroup.Group{}\n\tgroup.SetLimit(1)\n\tfor _, a := range e.arms {\n\t\tgroup.Go(func() error {\n\t\t\tvar m worker.Measured\n",
	}, {
		Name: "gates do not correct for how many they are",
		File: "internal/compare/gate.go", Package: "internal/compare", Test: "TestTheMoreGatesCompareTheClearerEachMustBe",
		Old: "adjusted := stats.Holm(p)",
		New: "adjusted := slices.Clone(p)",
	}, {
		Name: "Holm's method multiplies each p by its rank from the wrong end",
		File: stats + "/holm.go", Package: stats, Test: "TestHolmEqualsR",
		Old: "float64(len(p)-rank)",
		New: "float64(rank+1)",
	}, {
		Name: "the A/A arm is a gate",
		File: "internal/compare/gate.go", Package: "internal/compare", Test: "TestGatesLeaveTheAAArmOut",
		Old: "a.AA || t.Group != \"\"",
		New: "t.Group != \"\"",
	}, {
		Name: "a DEGRADED result passes unasked",
		File: "internal/compare/gate.go", Package: "internal/compare", Test: "TestOnlyUsableResultsPass",
		Old: "v == result.Degraded && asked.AllowDegraded",
		New: "v == result.Degraded",
	}, {
		Name: "absolute figures of two runs are judged",
		File: "internal/compare/between.go", Package: "internal/compare", Test: "TestResultsOfAMachineThatSlowedDownAreTheSame",
		Old: "if !m.Lasting {",
		New: "if m.Name == \"\" {",
	}, {
		Name: "an INVALID run is no gap",
		File: "internal/history/history.go", Package: "internal/history", Test: "TestRunsThatMayNotBeUsedAreGaps",
		Old: "if !r.usable() {",
		New: "if r.Verdict == \"\" {",
	}, {
		Name: "the index is believed when its file has changed",
		File: "internal/history/read.go", Package: "internal/history", Test: "TestTheIndexIsNeverTheTruth",
		Old: "s.Size, s.Modified = info.Size(), info.ModTime().UnixNano()",
		New: "s.Size, s.Modified = 1, int64(info.Mode())",
	}, {
		Name: "a series that drifts is nominated like others",
		File: "internal/history/history.go", Package: "internal/history", Test: "TestASeriesThatDriftsSaysSoAndAsksForMore",
		Old: "return c.P > driftAlpha",
		New: "return c.P > alpha",
	}, {
		Name: "the last finding decides instead of the worst",
		File: results + "/examine.go", Package: results, Test: "TestTheWorstFindingDecides",
		Old: "r.Verdict = worse(r.Verdict, q.verdict)",
		New: "r.Verdict = q.verdict",
	}, {
		Name: "time from the actual start is not looked for",
		File: results + "/timing.go", Package: results, Test: "TestEachCheckSaysWhatIsWrongAndNothingElse",
		Old: "if lat.Sum < low-slack || lat.Sum > high+slack {",
		New: "if lat.Sum < -slack {",
	}}
}

// shown breaks what leaves the program.
func shown() []Mutant {
	const reports = "internal/report"
	return []Mutant{{
		Name: "a secret is not masked",
		File: "internal/mask/mask.go", Package: "internal/mask", Test: "TestSecretsAreHiddenInEveryFormAServerMayEcho",
		Old: "known, there := runs[f.text[i:i+f.run]]; there && !known {",
		New: "known, there := runs[f.text[i:i+f.run]]; there && known {",
	}, {
		Name: "what a server says in the preflight is not masked",
		File: "internal/worker/preflight.go", Package: "cmd/bench", Test: "TestNoSecretThatAServerRepeatsIsShown",
		Old: "mask.New(secrets...).Clean(",
		New: "mask.New().Clean(",
	}, {
		Name: "the last words of a child are not masked",
		File: "internal/runner/process.go", Package: "cmd/bench", Test: "TestTheLastWordsOfADeadChildHoldNoSecret",
		Old: "p.secrets.Hide(text)",
		New: "text",
	}, {
		Name: "children inherit the environment",
		File: "internal/runner/process.go", Package: "cmd/bench", Test: "TestNoSecretLeavesARun",
		Old: "environment(os.Environ())",
		New: "os.Environ()",
	}, {
		Name: "errors are written to the terminal as they are",
		File: "cmd/bench/main.go", Package: "cmd/bench", Test: "TestNothingThatIsSaidActsOnATerminal",
		Old: "mask.Harmless(line))",
		New: "line+mask.Harmless(\"\"))",
	}, {
		Name: "credentials go anywhere in plaintext",
		File: "internal/plan/credential.go", Package: "internal/plan", Test: "TestCredentialsGoOnlyWhereNobodyElseReadsThem",
		Old: "case loopback(s.Target), s.TLS != Off && ",
		New: "case loopback(s.Target), s.TLS == Off || ",
	}, {
		Name: "metadata values are stored",
		File: "internal/plan/plan.go", Package: "internal/plan", Test: "TestPlanSurvivesJSONWithoutItsSecrets",
		Old: "Secrets []string `json:\"-\"`",
		New: "Secrets []string `json:\"secrets\"`",
	}, {
		Name: "text is written to the terminal as it is",
		File: reports + "/escape.go", Package: reports, Test: "TestTextHoldsNothingThatActsOnATerminal",
		Old: "\t\t\tb.WriteRune(unicode.ReplacementChar)\n",
		New: "\t\t\tif _ = unicode.ReplacementChar; true {\n\t\t\t\tb.WriteRune(c)\n\t\t\t}\n",
	}, {
		Name: "text is written into Markdown as it is",
		File: reports + "/escape.go", Package: reports, Test: "TestMarkdownHoldsHostileTextInCodeAlone",
		Old: "f := fence(s, 1)",
		New: "f := fence(\"\", 1)",
	}, {
		Name: "the names in a directory are not synced",
		File: "internal/result/store.go", Package: "internal/result", Test: "TestNamesAreGivenToWhatIsOnTheDiskOnly", Tag: "root",
		Old: "return errors.Join(d.Sync(), d.Close())",
		New: "return d.Close()",
	}, {
		Name: "results can be read by everybody",
		File: "internal/result/store.go", Package: "internal/result", Test: "TestWriteStoresAWholePrivateDirectory",
		Old: "os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)",
		New: "os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)",
	}}
}

// endOfAttempt lets the end of an attempt be taken for the end of its RPC, as a
// tool does that counts in a stats.Handler.
const endOfAttempt = `
type attemptEnds struct{ first error; seen bool }

func EndOfAttempt(ctx context.Context, call func(context.Context) error) error {
	e := new(attemptEnds)
	if err := call(context.WithValue(ctx, attemptEnds{}, e)); err != nil {
		return err
	}
	return e.first
}

func (*attemptEnds) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*attemptEnds) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*attemptEnds) HandleConn(context.Context, stats.ConnStats)                       {}
func (*attemptEnds) HandleRPC(ctx context.Context, s stats.RPCStats) {
	end, ok := s.(*stats.End)
	if e, known := ctx.Value(attemptEnds{}).(*attemptEnds); ok && known && !e.seen {
		e.seen, e.first = true, end.Error
	}
}

`
