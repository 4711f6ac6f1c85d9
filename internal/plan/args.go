package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/metric"
)

// Args is the command line, without the program, that asks for p again: the command, its
// TARGET and flags, each a word of its own, not quoted. Files are named as the plan does, by
// base name. The plan has no metadata values, so their lengths stand in their place. Labels
// and process ids, which are those of one run, are not in it.
func (p Plan) Args() []string {
	args := []string{p.Command()}
	if p.Target != nil && p.Target.Address != "" {
		args = append(args, p.Target.Address)
	}
	switch {
	case p.SuiteFile != "":
		args = append(args, "--suite", p.SuiteFile)
	case p.Suite != "":
		args = append(args, "--suite", p.Suite)
	default:
		args = append(args, p.settingArgs()...)
	}
	for _, o := range optionsOf(p.Kind) {
		if o.get == nil {
			continue
		}
		for _, v := range o.get(p) {
			switch {
			case o.value == "bool" && v == "true":
				args = append(args, "--"+o.name)
			case o.alone != "": // a word after it would be an argument
				args = append(args, "--"+o.name+"="+v)
			default:
				args = append(args, "--"+o.name, v)
			}
		}
	}
	return args
}

// Command is the name of the command that executes p; of a kind that is not known, "run".
func (p Plan) Command() string {
	switch p.Kind {
	case KindHandshake, KindCeiling:
		return p.Kind
	}
	return "run"
}

// settingArgs ask for the arms: each setting once where all arms agree, else all its
// values, the base's first.
func (p Plan) settingArgs() (args []string) {
	for _, s := range settings() {
		if p.Kind == KindHandshake && !slices.Contains(HandshakeSettings(), s.name) || p.Kind == KindCeiling && !CeilingSetting(s.name) {
			continue
		}
		values := p.valuesOf(s)
		switch {
		case len(values) > 1:
			args = append(args, varyArgs(s.name, slices.Concat(values...))...)
		case len(values) == 1 && s.name != targetSetting && !s.lacks(values[0]):
			for _, v := range values[0] {
				args = append(args, "--"+s.name, v)
			}
		}
	}
	return args
}

// valuesOf are the different values of s that arms have, in their order.
func (p Plan) valuesOf(s setting) (values [][]string) {
	for _, a := range p.Arms {
		v := s.texts(a.Settings)
		if v != nil && !a.AA && !slices.ContainsFunc(values, func(w []string) bool { return slices.Equal(v, w) }) {
			values = append(values, v)
		}
	}
	return values
}

// varyArgs are the flags of a setting that differs. Given several times each is one value,
// commas and all.
func varyArgs(name string, values []string) (args []string) {
	if !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, ",") }) {
		values = []string{strings.Join(values, ",")}
	}
	for _, v := range values {
		args = append(args, "--vary", name+"="+v)
	}
	return args
}

// texts are the values that ask for what settings have of s; nil: none does.
func (s setting) texts(of Settings) []string {
	if s.args != nil {
		return s.args(of)
	}
	if text := s.get(of); text != "" {
		return []string{text}
	}
	return nil
}

// Asked are the values of settings by flag, several where they add up, as Args has them:
// without those of which there is nothing.
func (s Settings) Asked() map[string][]string {
	asked := map[string][]string{}
	for _, setting := range settings() {
		if v := setting.texts(s); v != nil && !setting.lacks(v) {
			asked[setting.name] = v
		}
	}
	return asked
}

// lacks reports whether values say that there is nothing of s.
func (s setting) lacks(values []string) bool {
	return s.absent != "" && len(values) == 1 && values[0] == s.absent
}

// metadataArgs has the lengths of values, as names of files that do not exist: the command
// is refused until they are replaced, and never runs with other values.
func metadataArgs(s Settings) (args []string) {
	if len(s.Metadata) == 0 {
		return []string{none}
	}
	for _, m := range s.Metadata {
		args = append(args, fmt.Sprintf("%s=@(%d bytes)", m.Name, m.Bytes))
	}
	return args
}

// groupArgs of plaintext are none.
func groupArgs(s Settings) []string {
	if s.TLS == Off {
		return nil
	}
	return []string{orDefault(s.Group, "default")}
}

func acceptArgs(s Settings) []string {
	if s.AcceptCompression == "" || s.AcceptsByDefault() {
		return []string{"default"}
	}
	return []string{strings.ReplaceAll(s.AcceptCompression, ",", "+")}
}

// worded gives a text, and nothing for "".
func worded(of func(Plan) string) func(Plan) []string {
	return func(p Plan) []string {
		if text := of(p); text != "" {
			return []string{text}
		}
		return nil
	}
}

// rated gives a number with all its digits, and nothing for 0.
func rated(of func(Plan) float64) func(Plan) []string {
	return worded(func(p Plan) string {
		if v := of(p); v != 0 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return ""
	})
}

func counted(of func(Plan) int) func(Plan) []string {
	return rated(func(p Plan) float64 { return float64(of(p)) })
}

func lasting(of func(Plan) Duration) func(Plan) []string {
	return worded(func(p Plan) string {
		if d := of(p); d != 0 {
			return time.Duration(d).String()
		}
		return ""
	})
}

func switched(of func(Plan) bool) func(Plan) []string {
	return worded(func(p Plan) string {
		if of(p) {
			return "true"
		}
		return ""
	})
}

func ofTarget(of func(Target) string) func(Plan) []string {
	return worded(func(p Plan) string {
		if p.Target == nil {
			return ""
		}
		return of(*p.Target)
	})
}

func targetSwitch(of func(Target) bool) func(Plan) []string {
	return switched(func(p Plan) bool { return p.Target != nil && of(*p.Target) })
}

func ofCeiling(of func(Ceiling) float64) func(Plan) []string {
	return rated(func(p Plan) float64 { return of(*p.Ceiling) })
}

func sloArgs(p Plan) (args []string) {
	for _, t := range p.Ceiling.SLO {
		if t != p.failuresAllowed() {
			args = append(args, t.String())
		}
	}
	return args
}

// failuresAllowed is the limit on failures that an SLO without one has.
func (p Plan) failuresAllowed() Threshold {
	return Threshold{Metric: metric.Failed, Op: "<=", Value: p.AllowFailures}
}

// thresholdArgs are the thresholds of all arms; those of a group are its suite's.
func thresholdArgs(p Plan) (args []string) {
	for _, t := range p.Gates.Thresholds {
		if t.Group == "" {
			args = append(args, t.String())
		}
	}
	return args
}

func expectArgs(p Plan) []string {
	if len(p.Expect) == 0 {
		return nil
	}
	return []string{"code=" + strings.Join(p.Expect, ",")}
}

func aaArgs(p Plan) []string {
	if len(p.Arms) < 2 || slices.ContainsFunc(p.Arms, func(a Arm) bool { return a.AA }) {
		return nil
	}
	return []string{Off}
}

// allowFailuresArgs are none with an SLO that has a limit of its own.
func allowFailuresArgs(p Plan) []string {
	if p.Ceiling != nil && len(p.Ceiling.SLO) > 0 && !slices.Contains(p.Ceiling.SLO, p.failuresAllowed()) {
		return nil
	}
	return []string{strconv.FormatFloat(p.AllowFailures, 'f', -1, 64)}
}

// quickArgs ask for the short saturated blocks that --quick has; the other lengths are
// given.
func quickArgs(p Plan) []string {
	if p.Saturated != quickSaturated {
		return nil
	}
	return []string{"true"}
}

// loopArgs do not name the loop that runs have unless asked.
func loopArgs(p Plan) []string {
	if p.Load.Loop != Closed {
		return nil
	}
	return []string{Closed}
}

// concurrencyArgs are none where nothing waits, and no flag says how many callers there are.
func concurrencyArgs(p Plan) []string {
	if p.Load.Concurrency == 0 || p.Saturated == 0 && (p.Load.Loop == Open || p.Kind == KindHandshake) {
		return nil
	}
	return []string{strconv.Itoa(p.Load.Concurrency)}
}
