package mutants

// connections breaks what opening a connection is said to cost, and what became of it.
func connections() []Mutant {
	const channels, runners = "internal/channel", "internal/runner"
	return []Mutant{{
		Name: "a connection after a loss is not counted at the address it reached",
		File: channels + "/conn.go", Package: runners, Test: "TestEachConnectionIsCountedAtTheAddressItReached",
		Old: "if s.channel.made != nil {",
		New: "if s.channel.made != nil && s.channel.Reconnects() == 0 {",
	}, {
		Name: "the wire engine refuses a server without ALPN that is allowed",
		File: "internal/wire/dial.go", Package: runners, Test: "TestATargetWithoutALPNIsMeasuredIfAllowed",
		Old: "state.NegotiatedProtocol == \"\" && !c.options.AllowNoALPN",
		New: "state.NegotiatedProtocol == \"\"",
	}, {
		Name: "connections to a Unix socket are not told apart",
		File: channels + "/dial.go", Package: runners, Test: "TestAUnixSocketIsATarget",
		Old: "return fmt.Sprintf(\"#%d\", n)",
		New: "return fmt.Sprintf(\"#%d\", min(n, 1))",
	}, {
		Name: "a connection that failed is not booked",
		File: runners + "/book.go", Package: runners, Test: "TestConnectionsThatFailAreBookedByClass",
		Old: "\t\tone.Fail(c.Class, 1)\n",
		New: "",
	}, {
		Name: "a resumed handshake is booked as a full one",
		File: runners + "/book.go", Package: runners, Test: "TestFullAndResumedHandshakesAreCountedExactly",
		Old: "case c.Link.Resumed:",
		New: "case c.Link.Resumed && c.Class != \"\":",
	}, {
		Name: "a connection is closed before its ticket has come",
		File: "internal/worker/shake.go", Package: runners, Test: "TestFullAndResumedHandshakesAreCountedExactly",
		Old: "if s.Ticket || !g.shaken.kept {",
		New: "if s.Ticket || g.shaken.kept {",
	}, {
		Name: "a connection counts as made when TLS is",
		File: "internal/wire/dial.go", Package: runners, Test: "TestConnectionsThatFailAreBookedByClass",
		Old: "if err := next.await(ctx, ended); err != nil {",
		New: "if err := ctx.Err(); err != nil {",
	}, {
		Name: "an attempt is tried again when it ends without a word",
		File: channels + "/channel.go", Package: runners, Test: "TestConnectionsThatFailAreBookedByClass",
		Old: "return Once(ctx, o.Endpoint()",
		New: "return Persist(ctx, o.Endpoint()",
	}, {
		Name: "a HelloRetryRequest counts once for all connections alike",
		File: "internal/result/seen.go", Package: runners, Test: "TestEachHelloRetryRequestIsCounted",
		Old: "o.HelloRetryRequests += l.Connections",
		New: "o.HelloRetryRequests++",
	}, {
		Name: "each attempt of a connection has a limit of its own",
		File: channels + "/dial.go", Package: channels, Test: "TestAttemptsTogetherHaveOneLimit",
		Old: "context.WithTimeout(ctx, e.Limit())",
		New: "context.WithTimeout(ctx, attempts*e.Limit())",
	}, {
		Name: "the time to dial counts as TLS",
		File: channels + "/conn.go", Package: channels, Test: "TestADelayShowsInItsOwnPhaseAlone",
		Old: "made.TLS = end.Sub(start)",
		New: "made.TLS = end.Sub(start) + made.TCP",
	}, {
		Name: "one byte in 32 is counted twice",
		File: runners + "/handshake.go", Package: runners, Test: "TestTheHybridGroupCostsItsBytes",
		Old: "made.Sent, made.Received = asked.Sent, asked.Received",
		New: "made.Sent, made.Received = made.Sent+made.Sent/32, asked.Received",
	}}
}
