package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Config is what the user asked, as given: nothing of it is checked before
// Validate or Plan. The zero value with its Flags registered asks for the
// built-in suite on bundled servers. It is not safe for concurrent use.
type Config struct {
	TargetArg string   // HOST:PORT of a running server; "": bundled servers
	Suite     string   // name of a built-in suite or path of a suite file; "": none
	Vary      []string // SETTING=VALUE,VALUE…
	Results   string   // directory of the results
	Format    string   // of the report on standard output
	// SaveBaseline is the name of the baseline that the result becomes; "": none.
	SaveBaseline string

	given choices // options and settings, by flag name
	kind  string  // of the plan
}

// choices are the values given for some names. A name has several values where
// they add up.
type choices map[string][]given

// given is a value and where it came from.
type given struct {
	text  string
	where string // names it in a sentence: "--rate", "nightly.yaml:3:7: rate"
}

// shown is the text as messages repeat it.
func (g given) shown() string { return shown(g.text) }

// maxShown is how many bytes of a value messages repeat.
const maxShown = 200

// shown is a value without what stands before an @, cut: in an address it is a user and a
// password, or a token, which may hold any character.
func shown(text string) string {
	if at := strings.LastIndexByte(text, '@'); at > 0 {
		text = "…" + text[at:]
	}
	if len(text) > maxShown {
		return strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}

// Flags registers every flag of a run.
func (c *Config) Flags(fs *pflag.FlagSet) {
	c.planFlags(fs, func(string) bool { return true })
}

// planFlags registers those of the settings and options that are wanted, and those
// that every plan has.
func (c *Config) planFlags(fs *pflag.FlagSet, wanted func(name string) bool) {
	c.register(fs, wanted)
	fs.StringArrayVar(&c.Vary, "vary", nil,
		"an arm for each value of `SETTING=A,B,...`, compared with the first; target=HOST:PORT,HOST:PORT compares servers (repeatable)")
	c.Results, c.Format = "results", "text"
	fs.Var(&onceValue{text: &c.Suite, kind: "FILE"}, "suite", "suite file (YAML: the flags' names, settings, groups), or the built-in suite "+builtIn(c.kind))
	fs.Var(&onceValue{text: &c.Results, kind: "DIR"}, "results", "where a directory for each run is made")
	fs.Var(&onceValue{text: &c.SaveBaseline, kind: "NAME"}, "save-baseline", "save the result as the baseline of that name too, under baselines in --results")
	fs.Var(&onceValue{text: &c.Format, kind: "FORMAT"}, "format", "form of the report: text, markdown, json, html, csv, bench or hgrm")
}

// register registers the flags of the settings and options that are wanted.
func (c *Config) register(fs *pflag.FlagSet, wanted func(name string) bool) {
	c.given = choices{}
	for _, s := range settings() {
		if s.name != targetSetting && wanted(s.name) {
			fs.Var(&flagValue{c.given, s.name, s.value, s.start}, s.name, s.doc)
		}
	}
	for _, o := range optionsOf(c.kind) {
		if !wanted(o.name) {
			continue
		}
		fs.Var(&flagValue{c.given, o.name, o.value, o.start}, o.name, o.doc)
		if o.value == "bool" {
			fs.Lookup(o.name).NoOptDefVal = "true"
		}
		if o.alone != "" {
			fs.Lookup(o.name).NoOptDefVal = o.alone
		}
	}
}

// flagValue collects what a flag is given. It refuses nothing: mistakes are
// told together later.
type flagValue struct {
	given       choices
	name        string
	kind, start string
}

func (v *flagValue) String() string { return v.start }
func (v *flagValue) Type() string   { return v.kind }

func (v *flagValue) Set(text string) error {
	v.given[v.name] = append(v.given[v.name], given{text, "--" + v.name})
	return nil
}

// onceValue is a flag that is text, and is given once.
type onceValue struct {
	text *string
	kind string
	set  bool
}

func (v *onceValue) String() string {
	if v.text == nil { // pflag asks a zero value what it looks like
		return ""
	}
	return *v.text
}

func (v *onceValue) Type() string { return v.kind }

func (v *onceValue) Set(text string) error {
	if v.set && text != *v.text {
		return fmt.Errorf("must be given once, not as %q too", shown(*v.text))
	}
	*v.text, v.set = text, true
	return nil
}

// Validate returns every mistake of c, joined. It reads the files that c names.
func (c Config) Validate() error {
	_, err := c.Plan()
	return err
}

// Plan checks c and completes it with the defaults. The error joins every
// mistake. Without a seed each call draws another one.
func (c Config) Plan() (Plan, error) {
	var m mistakes
	r := c.request(&m)
	p := r.plan(&m)
	if err := m.err(); err != nil {
		return Plan{}, err
	}
	return p, nil
}

// request is what the flags ask, laid over the suite's file.
func (c Config) request(m *mistakes) request {
	r := newRequest(c.kind)
	switch {
	case c.Suite != "" && len(c.Vary) > 0:
		name, _, _ := strings.Cut(c.Vary[0], "=") // the values may be secret
		m.add("--vary %s: must be given without --suite, which says itself what is varied", name)
	case c.Suite != "":
		r = readSuite(c.kind, c.Suite, m)
	case len(c.Vary) > 0:
		r.vary(c.Vary, m)
	case c.TargetArg == "" && !c.givesSetting() && c.kind != KindCeiling:
		r = readSuite(c.kind, builtIn(c.kind), m)
	}
	c.overlay(&r, m)
	r.saves = c.SaveBaseline != ""
	return r
}

// overlay lays TARGET and flags over r.
func (c Config) overlay(r *request, m *mistakes) {
	if c.TargetArg != "" {
		r.setFlag(targetSetting, []given{{c.TargetArg, "TARGET"}}, m)
	}
	for _, name := range slices.Sorted(maps.Keys(c.given)) {
		r.setFlag(name, c.given[name], m)
	}
}

func (c Config) givesSetting() bool {
	for name := range c.given {
		if _, ok := settingNamed(name); ok {
			return true
		}
	}
	return false
}

// request is what to measure before it is completed.
type request struct {
	kind      string  // of the plan
	suite     string  // name; "" without one
	suiteFile string  // its base name; "": built in
	options   choices // of the run
	settings  choices // of every arm
	groups    []groupRequest
	varied    bool // the groups are those of --vary, and settings hold its first values
	saves     bool // the result is to be saved as a baseline
}

func newRequest(kind string) request {
	return request{kind: kind, options: choices{}, settings: choices{}}
}

// groupRequest is a group as asked. Its control sets itself apart from the
// settings of every arm, its arms from the control.
type groupRequest struct {
	name    string
	where   string // names it in a sentence
	control choices
	arms    []choices
	// thresholds are those of its arms alone.
	thresholds []given
}

// setFlag lays a flag over the suite or --vary. A group that sets the same
// setting itself contradicts it, but for --vary when the flag has its base.
func (r *request) setFlag(name string, values []given, m *mistakes) {
	s, isSetting := settingNamed(name)
	if !isSetting {
		o, _ := optionNamed(r.kind, name)
		r.options[name] = oneValue(values, o.repeats, m)
		return
	}
	values = oneValue(values, s.clear != nil, m)
	if base := r.settings[name]; r.varied && len(base) > 0 {
		if !s.same(values, base) {
			m.add("%s: must be omitted or be the first value of %s", values[0].where, base[0].where)
		}
		return
	}
	for _, g := range r.groups {
		if g.sets(name) {
			m.add("%s: cannot be used, since %s sets it too", values[0].where, g.where)
			return
		}
	}
	r.settings[name] = values
}

// oneValue refuses different values where one belongs.
func oneValue(values []given, repeats bool, m *mistakes) []given {
	if repeats {
		return values
	}
	for _, v := range values[1:] {
		if v.text != values[0].text {
			m.add("%s: must be given once, not as %q and %q", v.where, values[0].shown(), v.shown())
		}
	}
	return values[:1]
}

// same reports whether a and b mean the same. Values that cannot be read are
// the same if their texts are: what is wrong with them is said elsewhere.
func (s setting) same(a, b []given) bool {
	var left, right Arm
	if s.apply(&left, a) != nil || s.apply(&right, b) != nil {
		return slices.EqualFunc(a, b, func(v, w given) bool { return v.text == w.text })
	}
	return left.equal(right)
}

func (g groupRequest) sets(name string) bool {
	inArm := func(c choices) bool { return len(c[name]) > 0 }
	return inArm(g.control) || slices.ContainsFunc(g.arms, inArm)
}

// mistakes collects what is wrong, each sentence once. The zero value is none.
type mistakes struct {
	errs []error
}

func (m *mistakes) add(format string, args ...any) { m.join(fmt.Errorf(format, args...)) }

// join adds err, or each error joined in it, unless it is nil or known.
func (m *mistakes) join(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			m.join(e)
		}
		return
	}
	known := func(e error) bool { return e.Error() == err.Error() }
	if !slices.ContainsFunc(m.errs, known) {
		m.errs = append(m.errs, err)
	}
}

// err returns the mistakes, one a line, or nil.
func (m *mistakes) err() error { return errors.Join(m.errs...) }
