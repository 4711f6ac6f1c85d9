package main

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"grpcbench/internal/verify"
)

func TestTheRowsOfAProofStayWithin80Columns(t *testing.T) {
	for _, r := range []struct {
		low, high float64
		want      string
	}{
		{0, 0, "0"}, {10, math.MaxFloat64, "≥ 10"}, {0, 20, "≤ 20"}, {385, 440, "385 to 440"}, {31, 31.2, "31 to 31.2"},
	} {
		if got := bounds(r.low, r.high); got != r.want {
			t.Errorf("%v, %v: %q, want %q", r.low, r.high, got, r.want)
		}
	}
	if got := figure(math.NaN()); got != "none" {
		t.Errorf("%q, want none", got)
	}
	row := verifyRow("  RPCs not accounted for by both sides", bounds(0.123456, 1234567), figure(-12345.678), "FAIL")
	if n := utf8.RuneCountInString(row); n > 80 {
		t.Errorf("%d columns: %q", n, row)
	}
}

func TestVerifyTakesNoArguments(t *testing.T) {
	code, stdout, stderr := command(t, "verify", "x")
	if code != exitUsage || stdout != "" || !strings.Contains(stderr, "verify: must be given no arguments, got 1") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// A proof that a disturbed machine spoilt is neither passed nor failed.
func TestWhatVerifyCouldNotProveIsCountedByItself(t *testing.T) {
	for want, times := range map[string]map[verify.Outcome]int{
		"9 of 9 passed, 0 failed": {verify.Pass: 9},
		"6 of 9 passed, 2 failed, 1 void: not proven, because the machine was disturbed": {verify.Pass: 6, verify.Fail: 2, verify.Void: 1},
		"0 of 9 passed, 0 failed, 9 void: not proven, because the machine was disturbed": {verify.Void: 9},
	} {
		if got := verifyTally(9, times); got != want {
			t.Errorf("%v: %q, want %q", times, got, want)
		}
	}
}
