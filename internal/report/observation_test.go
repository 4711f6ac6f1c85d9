package report

import (
	"strings"
	"testing"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// What nobody told of is not said to have been observed.
func TestOnlyWhatWasObservedIsSaidToBe(t *testing.T) {
	settings := plan.Settings{TLS: "off", Metadata: []plan.MetadataKey{{Name: "foo", Bytes: 3}}, Deadline: 1}
	settings.Compression.Name, settings.Compression.Level = "gzip", 3
	told := result.Observed{RequestEncodings: map[string]int64{"gzip": 1}, MetadataKeys: new(1.0)}
	failed := []result.Check{{Code: "settings_not_observed", Verdict: result.Invalid}}
	for want, r := range map[string]result.Result{
		"settings observed as asked": {Arms: []result.Arm{{Settings: plan.Settings{TLS: "off"}}}},
		"settings observed as asked, but for compression, deadline and metadata: sent; not known whether they arrived": {
			Arms: []result.Arm{{Settings: plan.Settings{TLS: "off"}}, {Settings: settings}}},
		"settings observed as asked, but for deadline: sent; not known whether it arrived": {
			Arms: []result.Arm{{Settings: settings, Observed: told}}},
		"settings not as asked":  {Checks: failed, Arms: []result.Arm{{Settings: settings}}},
		"1 setting not as asked": {Checks: failed, Arms: []result.Arm{{Observed: result.Observed{Mismatches: []string{"x"}}}}},
	} {
		if got := observation(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A server's count that is of others too is shown as such.
func TestWhyThereIsNoCountOfTheServersIsSaid(t *testing.T) {
	of := func(c *result.ServerCount, ledger *result.ServerLedger) result.Arm {
		a := result.Arm{Figures: result.Figures{LedgerTotal: result.Ledger{Scheduled: 10, Started: 10, OK: 8}, ServerLedger: ledger}}
		a.Observed.ServerCount = c
		return a
	}
	for _, tt := range []struct {
		arms []result.Arm
		want string
	}{
		{[]result.Arm{of(nil, nil)}, "server has no count"},
		{[]result.Arm{of(nil, &result.ServerLedger{Started: 9, OK: 8})}, "server counted 8 ok"},
		{[]result.Arm{of(&result.ServerCount{}, nil)}, "server has no count"},
		{[]result.Arm{of(&result.ServerCount{Started: 13}, nil)}, "server counted 13 started, 3 more than were sent: others call it, or a proxy repeats RPCs"},
		{[]result.Arm{of(&result.ServerCount{Started: 5}, nil)}, "server counted 5 started, 3 fewer than were ok: others answer too"},
		{[]result.Arm{of(&result.ServerCount{Started: 20, Shared: true}, nil), of(&result.ServerCount{Started: 20, Shared: true}, nil)}, "server counts arms together"},
		{[]result.Arm{of(nil, &result.ServerLedger{Started: 9, OK: 8}), of(nil, nil)}, "server has no count"},
	} {
		if got := loadAgreement(result.Result{Arms: tt.arms}); got[len(got)-1] != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestWhatResponsesCameAsIsSaidOfEveryArm(t *testing.T) {
	mirror := plan.ResponseCodec{Mirror: true}
	gzip := plan.Settings{ResponseCompression: mirror, Method: "/p.S/M"}
	gzip.Compression.Name, gzip.Compression.Level = "gzip", 3
	none := plan.Settings{ResponseCompression: mirror}
	came := &result.Responses{Compressed: 178, ByEncoding: map[string]int64{"gzip": 178}}
	for _, of := range []struct {
		a    result.Arm
		want string
	}{
		{result.Arm{Settings: none, Observed: result.Observed{Responses: came}}, "responses compressed gzip 178 of 200"},
		{result.Arm{Settings: gzip, Observed: result.Observed{Responses: came}}, "responses compressed gzip 178 of 200"},
		{result.Arm{Settings: gzip, Observed: result.Observed{Responses: &result.Responses{}}}, "the server did not compress its responses"},
		{result.Arm{Settings: gzip, Observed: result.Observed{Responses: &result.Responses{}, ResponseBytes: new(int64(0))}}, "no response compressed"},
		{result.Arm{Settings: none, Observed: result.Observed{Responses: &result.Responses{}}}, "no response compressed"},
		{result.Arm{Settings: gzip, Figures: result.Figures{LedgerTotal: result.Ledger{OKByCode: map[string]int64{"NOT_FOUND": 200}}},
			Observed: result.Observed{Responses: &result.Responses{}}}, "no response compressed"},
		{result.Arm{Settings: none, Figures: result.Figures{LedgerTotal: result.Ledger{OKByCode: map[string]int64{"NOT_FOUND": 20}}},
			Observed: result.Observed{Responses: came}}, "responses compressed gzip 178 of 180"},
	} {
		of.a.LedgerTotal.OK = 200
		if got := strings.Join(seen(of.a), " · "); !strings.Contains(got, of.want) {
			t.Errorf("%q, want %q", got, of.want)
		}
	}
	if got := strings.Join(seen(result.Arm{Settings: gzip}), " · "); strings.Contains(got, "compress") {
		t.Errorf("%q of a result of an older tool, which did not count", got)
	}
}
