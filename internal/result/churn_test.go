package result

import "grpcbench/internal/plan"

// churned makes an arm one that replaced 15 connections in each of ten windows of 3 s,
// and 20 in each whole life, and then changes it.
func churned(change func(a *Arm)) func(a *Arm) {
	return func(a *Arm) {
		a.Settings.Churn = 5
		a.Churn = &Churn{Due: 150, Opened: 150, Failed: map[string]int64{}}
		for i := range a.Epochs {
			a.Epochs[i].Churn = &Churn{Due: 15, Opened: 15, Failed: map[string]int64{}}
		}
		a.Observed.Replaced = &Replaced{Due: 200, Opened: 200, Failed: map[string]int64{}, Drained: 200, MostRPCs: 50, Accepted: new(int64(200))}
		change(a)
	}
}

func churnMutations() map[string][]mutation {
	const plain, tls = "tls=off", "tls=1.3"
	bad := func(name, of string, change func(a *Arm)) mutation { return on(name, of, churned(change)) }
	good := func(name, of string, change func(a *Arm)) mutation { return off(name, of, churned(change)) }
	limited := func(a *Arm) {
		a.Settings.Churn, a.Settings.MaxRPCs = 0, 50
		a.Observed.Replaced.Due = a.LedgerTotal.Started / 50
		a.Observed.Replaced.Opened = a.Observed.Replaced.Due
		a.Observed.Replaced.Accepted = &a.Observed.Replaced.Opened
	}
	settings := []mutation{
		good("churn as asked", plain, func(*Arm) {}),
		bad("churn unasked", plain, func(a *Arm) { a.Settings.Churn = 0 }),
		bad("churn that nobody saw", plain, func(a *Arm) { a.Observed.Replaced = nil }),
		bad("churn that an epoch did not have", plain, func(a *Arm) { a.Epochs[3].Churn = nil }),
		bad("a replacement less in an epoch", plain, func(a *Arm) { a.Epochs[3].Churn = &Churn{Due: 14, Opened: 14} }),
		bad("a replacement more in an epoch", plain, func(a *Arm) { a.Epochs[3].Churn = &Churn{Due: 16, Opened: 16} }),
		bad("a replacement of which nobody knows what became", plain, func(a *Arm) { a.Epochs[3].Churn = &Churn{Due: 15, Opened: 14} }),
		good("5.1 a second are 15 or 16", plain, func(a *Arm) {
			a.Settings.Churn = 5.1
			a.Epochs[3].Churn = &Churn{Due: 16, Opened: 16}
		}),
		bad("the age of another count", plain, func(a *Arm) { a.Settings.Churn, a.Settings.ConnectionAge = 0, plan.Duration(1e9) }),
		good("the age of four connections", plain, func(a *Arm) { a.Settings.Churn, a.Settings.ConnectionAge = 0, plan.Duration(8e8) }),
		bad("a connection that the server did not see", plain, func(a *Arm) { *a.Observed.Replaced.Accepted = 199 }),
		bad("a connection that only the server saw", plain, func(a *Arm) { *a.Observed.Replaced.Accepted = 201 }),
		good("a handshake that failed when the server had accepted", plain, func(a *Arm) {
			a.Observed.Replaced.Due, a.Observed.Replaced.Failed = 201, map[string]int64{"TIMEOUT_TLS": 1}
			*a.Observed.Replaced.Accepted = 201
		}),
		bad("a life with one forgotten", plain, func(a *Arm) { a.Observed.Replaced.Due++ }),
		good("connections of 50 RPCs", plain, limited),
		bad("a connection of 51 RPCs", plain, func(a *Arm) { limited(a); a.Observed.Replaced.MostRPCs = 51 }),
		bad("connections of 49 RPCs", plain, func(a *Arm) { limited(a); a.Observed.Replaced.MostRPCs = 49 }),
		bad("a tenth of the replacements", plain, func(a *Arm) {
			limited(a)
			a.Observed.Replaced.Due /= 10
			a.Observed.Replaced.Opened = a.Observed.Replaced.Due
		}),
		good("each resumed", tls, func(a *Arm) { a.Settings.Resumption, a.Observed.Resumed = true, 240 }),
		bad("one not resumed", tls, func(a *Arm) { a.Settings.Resumption, a.Observed.Resumed = true, 239 }),
	}
	whole := func(name string, want Verdict, c Churn) mutation {
		return mutation{name, func(r *Result) { first(r).Churn = &c }, want, want != Valid || c.Opened < c.Due}
	}
	return map[string][]mutation{
		"settings_not_observed": settings,
		"churn_incomplete": {
			whole("all", Valid, Churn{Due: 2000, Opened: 2000}),
			whole("one of two thousand missed", Valid, Churn{Due: 2000, Opened: 1999, Missed: 1}),
			whole("five of a thousand failed", Degraded, Churn{Due: 1000, Opened: 995, Failed: map[string]int64{"CONNECTION_RESET": 5}}),
			whole("two of a hundred missed", Invalid, Churn{Due: 100, Opened: 98, Missed: 2}),
			whole("none", Invalid, Churn{Due: 100, Failed: map[string]int64{"CLIENT_LIMIT": 100}}),
		},
	}
}
