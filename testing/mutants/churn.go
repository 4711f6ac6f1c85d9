package mutants

// churn breaks how connections are replaced, and what is booked of it.
func churn() []Mutant {
	const loads, wires, workers, results, runners = "internal/load", "internal/wire", "internal/worker", "internal/result", "internal/runner"
	return []Mutant{{
		Name: "replacements are drawn from the first connection alone",
		File: loads + "/churn.go", Package: loads, Test: "TestRenewalsTakeConnectionsInTurn",
		Old: "conn = (conn + 1) % r.Connections",
		New: "conn = (conn + 0) % r.Connections",
	}, {
		Name: "a handshake that hangs holds up all churn",
		File: loads + "/churn.go", Package: loads, Test: "TestAHandshakeThatHangsHoldsUpItsOwnConnectionOnly",
		Old: "\t\tcase busy[conn] <- struct{}{}:\n",
		New: "\t\tcase busy[0] <- struct{}{}:\n\t\t\tconn := 0\n",
	}, {
		Name: "a replacement that could not be begun is not booked",
		File: loads + "/churn.go", Package: loads, Test: "TestAHandshakeThatHangsHoldsUpItsOwnConnectionOnly",
		Old: "c.Missed(conn, due)",
		New: "_ = c.Missed",
	}, {
		Name: "an old connection is closed with RPCs on it",
		File: wires + "/conn.go", Package: wires, Test: "TestANewConnectionTakesOverAndTheOldOneEndsItsRPCs",
		Old: "if !c.draining || c.streams.open > 0 || c.retired {",
		New: "if !c.draining || c.retired {",
	}, {
		Name: "a connection takes an RPC more than it may",
		File: wires + "/renew.go", Package: wires, Test: "TestAConnectionHasNoMoreRPCsThanItsLimit",
		Old: "c.had+c.rpcs >= limit",
		New: "c.had+c.rpcs > limit",
	}, {
		Name: "a channel of grpc-go's takes an RPC more than it may",
		File: "internal/channel/chain.go", Package: "internal/channel", Test: "TestAChainReplacesConnectionsAfterTheirRPCs",
		Old: "m.had+m.begun < limit.RPCs",
		New: "m.had+m.begun <= limit.RPCs",
	}, {
		Name: "a channel is closed with RPCs on it",
		File: "internal/channel/chain.go", Package: "internal/channel", Test: "TestAReplacedChannelIsClosedAfterItsLastRPC",
		Old: "!live || !m.replaced || m.inFlight > 0",
		New: "!live || !m.replaced",
	}, {
		Name: "replacements are booked when they were made",
		File: workers + "/churn.go", Package: workers, Test: "TestChurnIsBookedWhenItWasDue",
		Old: "if due.Before(c.from) || !due.Before(c.to) {",
		New: "if due.Before(c.from) || !time.Now().Before(c.to) {",
	}, {
		Name: "a handshake that failed passes for one that was made",
		File: workers + "/churn.go", Package: runners, Test: "TestHandshakesThatFailDuringChurnFailNoRPC",
		Old: "\tif err != nil {\n\t\tif c.Failed == nil {",
		New: "\tif false {\n\t\tif c.Failed == nil {",
	}, {
		Name: "churn that was not made is churn",
		File: results + "/churn.go", Package: results, Test: "TestEachCheckSaysWhatIsWrongAndNothingElse",
		Old: "lost := c.Missed + total(c.Failed)",
		New: "lost := total(c.Failed)",
	}, {
		Name: "what the server accepted is not asked",
		File: results + "/churn.go", Package: results, Test: "TestEachCheckSaysWhatIsWrongAndNothingElse",
		Old: "if seen.Accepted == nil || !o.bundled {",
		New: "if true {",
	}, {
		Name: "the bytes of handshakes are lost under churn",
		File: "internal/result/derive.go", Package: runners, Test: "TestBytesUnderChurnAreRPCsAndHandshakes",
		Old: "with(s.SentBytes, s.OpeningSent)",
		New: "s.SentBytes.Value()",
	}, {
		Name: "the bytes of handshakes are taken for RPCs'",
		File: workers + "/generator.go", Package: runners, Test: "TestBytesUnderChurnAreRPCsAndHandshakes",
		Old: "t.sent, t.received = -sent, -received",
		New: "_, _ = sent, received",
	}}
}
