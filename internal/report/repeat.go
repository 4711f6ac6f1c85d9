package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/plan"
)

// repeat is the command line that asks for p again, word by word; not safe to
// print. Files are named as the plan does, by base name; metadata values are not in the plan, so
// their lengths stand in their place.
func repeat(p plan.Plan) []string {
	args := []string{"grpc-bench", verb(p)}
	if p.Target != nil {
		args = append(args, targetFlags(*p.Target)...)
	}
	if p.Suite != "" {
		args = append(args, "--suite", quote(p.Suite))
	} else {
		args = append(args, settingFlags(p.Arms, takes(p))...)
	}
	args = append(args, amountFlags(p)...)
	if len(p.Arms) > 1 && !slices.ContainsFunc(p.Arms, func(a plan.Arm) bool { return a.AA }) {
		args = append(args, "--aa", "off")
	}
	if p.MaxTime > 0 {
		args = append(args, "--max-time", p.MaxTime.String())
	}
	if p.Handshakes == nil {
		args = append(args, "--window", p.Window.String(), "--warmup", p.Warmup.String(), "--drain", p.Drain.String())
	}
	if p.MaxMessage > 0 {
		args = append(args, "--max-message", strconv.Itoa(p.MaxMessage))
	}
	if len(p.Expect) > 0 {
		args = append(args, "--expect", quote("code="+strings.Join(p.Expect, ",")))
	}
	if p.ConnectTimeout > 0 {
		args = append(args, "--connect-timeout", p.ConnectTimeout.String())
	}
	if p.ServerStartTimeout > 0 {
		args = append(args, "--server-start-timeout", p.ServerStartTimeout.String())
	}
	if p.ServerInPlace {
		args = append(args, "--server-in-place")
	}
	args = append(args, "--epochs", p.Epochs.String())
	if p.Ceiling == nil || len(p.Ceiling.SLO) == 0 { // an SLO says it
		args = append(args, "--allow-failures", number(p.AllowFailures))
	}
	args = append(args, "--seed", strconv.FormatUint(p.Seed, 10))
	return append(args, gateFlags(p.Gates)...)
}

// verb is the command that executes p.
func verb(p plan.Plan) string {
	switch {
	case p.Handshakes != nil:
		return plan.KindHandshake
	case p.Ceiling != nil:
		return plan.KindCeiling
	}
	return "run"
}

// takes tells which settings the command that executes p has flags for.
func takes(p plan.Plan) func(setting string) bool {
	return func(setting string) bool {
		return p.Handshakes == nil && (p.Ceiling == nil || plan.CeilingSetting(setting)) || p.Handshakes != nil && slices.Contains(plan.HandshakeSettings(), setting)
	}
}

// amountFlags are the flags that say how much is measured of each arm.
func amountFlags(p plan.Plan) []string {
	switch {
	case p.Handshakes != nil:
		return handshakeFlags(p)
	case p.Ceiling != nil:
		return ceilingFlags(p)
	}
	return loadFlags(p.Load)
}

// gateFlags are the flags that ask for g; those of a suite's groups are the suite's.
func gateFlags(g plan.Gates) []string {
	var args []string
	for _, t := range g.Thresholds {
		if t.Group == "" {
			args = append(args, "--threshold", quote(t.String()))
		}
	}
	if len(g.Regressions) > 0 {
		args = append(args, "--fail-on-regression="+quote(strings.Join(g.Regressions, ",")))
	}
	if g.Baseline != "" {
		args = append(args, "--baseline", quote(g.Baseline))
	}
	if g.Inconclusive != "" {
		args = append(args, "--inconclusive", quote(g.Inconclusive))
	}
	if g.AllowDegraded {
		args = append(args, "--allow-degraded")
	}
	return args
}

// loadFlags are the flags that ask for l.
func loadFlags(l plan.Load) []string {
	var args []string
	if l.Loop == plan.Closed {
		args = append(args, "--loop", plan.Closed)
	} else {
		args = append(args, "--rate", number(l.Rate), "--arrival", quote(l.Arrival))
	}
	if l.Concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(l.Concurrency))
	}
	if l.MaxInFlight > 0 {
		args = append(args, "--max-in-flight", strconv.Itoa(l.MaxInFlight))
	}
	return args
}

// targetFlags are the address of t and the flags that say how it is reached.
func targetFlags(t plan.Target) []string {
	var args []string
	if t.Address != "" {
		args = append(args, quote(t.Address))
	}
	for _, f := range []struct{ flag, value string }{
		{"--cacert", t.CACert}, {"--cert", t.Cert}, {"--key-file", t.KeyFile}, {"--server-name", t.ServerName}, {"--authority", t.Authority},
	} {
		if f.value != "" {
			args = append(args, f.flag, quote(f.value))
		}
	}
	if t.InsecureSkipVerify {
		args = append(args, "--insecure-skip-verify")
	}
	if t.AllowReadableKey {
		args = append(args, "--allow-readable-key")
	}
	if t.AllowNoALPN {
		args = append(args, "--allow-no-alpn")
	}
	if t.AllowCleartextCredentials {
		args = append(args, "--allow-cleartext-credentials")
	}
	return args
}

// settingFlags are the flags that ask for the arms: one value where all arms
// agree, all values, the base's first, where they were varied.
// Flags that are not wanted are left out.
func settingFlags(arms []plan.Arm, wanted func(flag string) bool) []string {
	values := make(map[string][][]string) // by flag
	names := make(map[string]bool)
	for _, a := range arms {
		for flag := range flagsOf(a.Settings) {
			names[flag] = true
		}
	}
	maps.DeleteFunc(names, func(flag string, _ bool) bool { return !wanted(flag) })
	for flag := range names {
		for _, a := range arms {
			v := flagsOf(a.Settings)[flag]
			if v == nil {
				v = unsaid(flag, a.Settings)
			}
			if v != nil && !a.AA && !slices.ContainsFunc(values[flag], func(w []string) bool { return slices.Equal(v, w) }) {
				values[flag] = append(values[flag], v)
			}
		}
	}
	if len(values["target"]) < 2 {
		delete(values, "target") // an argument
	}
	if !slices.ContainsFunc(arms, func(a plan.Arm) bool { return a.Settings.AcceptCompression != "" && !a.Settings.AcceptsByDefault() }) {
		delete(values, "accept-compression")
	}
	var args []string
	for _, flag := range slices.Sorted(maps.Keys(values)) {
		vs := values[flag]
		if len(vs) > 1 {
			all := slices.Concat(vs...)
			if !slices.ContainsFunc(all, func(v string) bool { return strings.Contains(v, ",") }) {
				all = []string{strings.Join(all, ",")}
			}
			for _, v := range all { // given several times each is one value, commas and all
				args = append(args, "--vary", quote(flag+"="+v))
			}
			continue
		}
		for _, v := range vs[0] {
			args = append(args, "--"+flag, quote(v))
		}
	}
	return args
}

// unsaid is the value of a flag that the stored form of s leaves out; nil if no
// text asks for it.
func unsaid(flag string, s plan.Settings) []string {
	switch {
	case slices.Contains([]string{"deadline", "metadata", "churn", "max-rpcs-per-connection", "connection-age"}, flag):
		return []string{"none"}
	case flag == "group" && s.TLS != plan.Off:
		return []string{"default"}
	}
	return nil
}

// flagsOf reads the flags and their values, several where they add up, off the
// stored form of s, whose names are the flags' with underscores.
func flagsOf(s plan.Settings) map[string][]string {
	data, err := json.Marshal(s)
	if err != nil {
		return nil // settings hold text and numbers: they can be written
	}
	var stored map[string]any
	if json.Unmarshal(data, &stored) != nil {
		return nil
	}
	flags := make(map[string][]string)
	for name, value := range stored {
		name, isTime := strings.CutSuffix(name, "_ns")
		name, isRate := strings.CutSuffix(name, "_per_s")
		name = strings.ReplaceAll(name, "_", "-")
		switch v := value.(type) {
		case string:
			flags[name] = []string{v}
		case bool:
			flags[name] = []string{map[bool]string{true: "on", false: "off"}[v]}
		case float64:
			flags[name] = []string{number(v)}
			if isTime {
				flags[name] = []string{time.Duration(v).String()}
			}
			if isRate {
				flags[name][0] += "/s"
			}
		}
	}
	for _, m := range s.Metadata {
		flags["metadata"] = append(flags["metadata"], fmt.Sprintf("%s=(%d bytes)", m.Name, m.Bytes))
	}
	flags["payload"] = []string{s.Payload.String()} // stored with a file's digest
	if s.Request != nil {
		flags["request"] = []string{"@" + s.Request.File}
	}
	return flags
}

// number prints v with all its digits.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// quote makes one word of s for a POSIX shell.
func quote(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=,@+%", c)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
