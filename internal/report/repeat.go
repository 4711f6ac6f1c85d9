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
// print. Files are
// named as the plan does, by base name; metadata values are not in the plan, so
// their lengths stand in their place.
func repeat(p plan.Plan) []string {
	args := []string{"grpc-bench", "run"}
	if p.Target != nil {
		args = append(args, targetFlags(*p.Target)...)
	}
	if p.Suite != "" {
		args = append(args, "--suite", quote(p.Suite))
	} else {
		args = append(args, settingFlags(p.Arms)...)
	}
	if p.Load.Loop == plan.Closed {
		args = append(args, "--loop", plan.Closed)
	} else {
		args = append(args, "--rate", number(p.Load.Rate), "--arrival", quote(p.Load.Arrival))
	}
	if p.Load.Concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(p.Load.Concurrency))
	}
	if p.Load.MaxInFlight > 0 {
		args = append(args, "--max-in-flight", strconv.Itoa(p.Load.MaxInFlight))
	}
	if len(p.Arms) > 1 && !slices.ContainsFunc(p.Arms, func(a plan.Arm) bool { return a.AA }) {
		args = append(args, "--aa", "off")
	}
	if p.MaxTime > 0 {
		args = append(args, "--max-time", p.MaxTime.String())
	}
	args = append(args, "--window", p.Window.String(), "--warmup", p.Warmup.String(), "--drain", p.Drain.String(),
		"--epochs", p.Epochs.String(), "--allow-failures", number(p.AllowFailures), "--seed", strconv.FormatUint(p.Seed, 10))
	return args
}

// targetFlags are the address of t and the flags that say how it is reached.
func targetFlags(t plan.Target) []string {
	var args []string
	if t.Address != "" {
		args = append(args, quote(t.Address))
	}
	for _, f := range []struct{ flag, value string }{
		{"--cacert", t.CACert}, {"--cert", t.Cert}, {"--key-file", t.KeyFile}, {"--server-name", t.ServerName},
	} {
		if f.value != "" {
			args = append(args, f.flag, quote(f.value))
		}
	}
	if t.InsecureSkipVerify {
		args = append(args, "--insecure-skip-verify")
	}
	return args
}

// settingFlags are the flags that ask for the arms: one value where all arms
// agree, all values, the base's first, where they were varied.
func settingFlags(arms []plan.Arm) []string {
	values := make(map[string][]string) // by flag
	for _, a := range arms {
		if a.AA {
			continue
		}
		for flag, value := range flagsOf(a.Settings) {
			if !slices.Contains(values[flag], value) {
				values[flag] = append(values[flag], value)
			}
		}
	}
	if len(values["target"]) < 2 {
		delete(values, "target") // an argument
	}
	var args []string
	for _, flag := range slices.Sorted(maps.Keys(values)) {
		if vs := values[flag]; len(vs) == 1 {
			args = append(args, "--"+flag, quote(vs[0]))
		} else {
			args = append(args, "--vary", quote(flag+"="+strings.Join(vs, ",")))
		}
	}
	return args
}

// flagsOf reads the flags and their values off the stored form of s, whose names
// are the flags' with underscores.
func flagsOf(s plan.Settings) map[string]string {
	data, err := json.Marshal(s)
	if err != nil {
		return nil // settings hold text and numbers: they can be written
	}
	var stored map[string]any
	if json.Unmarshal(data, &stored) != nil {
		return nil
	}
	flags := make(map[string]string)
	for name, value := range stored {
		name, isTime := strings.CutSuffix(name, "_ns")
		name = strings.ReplaceAll(name, "_", "-")
		switch v := value.(type) {
		case string:
			flags[name] = v
		case bool:
			flags[name] = map[bool]string{true: "on", false: "off"}[v]
		case float64:
			flags[name] = number(v)
			if isTime {
				flags[name] = time.Duration(v).String()
			}
		}
	}
	for _, m := range s.Metadata {
		flags["metadata"] = fmt.Sprintf("%s=(%d bytes)", m.Name, m.Bytes)
	}
	if s.Request != nil {
		flags["request"] = "@" + s.Request.File
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
