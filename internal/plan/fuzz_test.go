package plan

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// FuzzSuite checks that no file ends the process, and that what is accepted is a
// whole plan.
func FuzzSuite(f *testing.F) {
	f.Add(overheads(f))
	for _, seed := range []string{
		"", "a: b: c", "- - -", "{a: {b: {c: ", "groups: *a", "? a\n: b", "rate: 1\n---\nrate: 2", "\"", "groups: [{name: A}]",
		"rate: 60\nquick: true\ntag: [a=b]\nsettings: {connections: 2, deadline: 5ms}\ngroups:\n- {name: A, control: {tls: off}, arms: [{tls: 1.2}, {payload: 1KiB}]}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 || bytes.ContainsRune(data, '@') {
			return // the parser is slow above, and no file is to be opened
		}
		var m mistakes
		p := parseSuite("", "fuzz.yaml", data, &m).plan(&m)
		if m.err() != nil {
			return
		}
		checkWhole(t, p)
	})
}

// checkWhole checks what everything that reads a plan relies on.
func checkWhole(t *testing.T, p Plan) {
	t.Helper()
	names := make(map[string]bool)
	for _, a := range p.Arms {
		if a.Name == "" || names[a.Name] {
			t.Errorf("arm %q has no name of its own", a.Name)
		}
		names[a.Name] = true
		if len(a.Secrets) != len(a.Settings.Metadata) {
			t.Errorf("arm %s: %d values for %d names", a.Name, len(a.Secrets), len(a.Settings.Metadata))
		}
	}
	for _, g := range p.Groups {
		if g.Arms[0] != g.Control || len(g.Arms) < 2 {
			t.Errorf("group %s: arms %q, control %q", g.Name, g.Arms, g.Control)
		}
		if slices.ContainsFunc(g.Arms, func(name string) bool { return !names[name] }) {
			t.Errorf("group %s: arms %q are not all in the plan", g.Name, g.Arms)
		}
	}
	if p.Window <= 0 || p.Epochs.Min < 1 || p.Load.Loop == Open && p.ArmRate() <= 0 {
		t.Errorf("plan measures nothing: %+v", p)
	}
}

// FuzzValues checks for every setting that its canonical text means the value
// it was made of.
func FuzzValues(f *testing.F) {
	for _, s := range settings() {
		f.Add(s.name, s.start)
	}
	for _, seed := range [][2]string{
		{"metadata-size", "1KiB:unique:4:bin"}, {"metadata-size", "1kB:4 keys"}, {"payload", "4KiB:json"}, {"compression", "zstd:5"},
		{"response-compression", "mirror"}, {"deadline", "1.5s"}, {"target", "[::1]:1337"}, {"metadata", "a-bin=\x00"}, {"method", "/a.B/C"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		s, ok := settingNamed(name)
		if !ok || s.secret != nil && s.secret(text) || len(text) > 0 && text[0] == '@' {
			return // no canonical text holds a secret, or a file's directory
		}
		var a, b Arm
		if s.set(&a, text) != nil {
			return
		}
		if err := s.set(&b, s.get(a.Settings)); err != nil || !a.equal(b) {
			t.Errorf("%s %q: canonical %q means %+v, %v", name, text, s.get(a.Settings), b.Settings, err)
		}
	})
}

// FuzzMetadata checks that what is accepted can be sent.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{"foo=bar", "a-bin=\xff", "grpc-x=1", "=", "x", "foo= bar", "te=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "=@") {
			return // no file is to be opened
		}
		key, value, err := parseMetadata(text)
		if err != nil {
			return
		}
		sendable := strings.HasSuffix(key.Name, "-bin") || printable(value)
		if key.Bytes != len(value) || checkMetadataName(key.Name) != nil || !sendable {
			t.Errorf("%q: accepted as %+v of %d bytes", text, key, len(value))
		}
	})
}

// FuzzStoredPayload checks that a stored payload of any text is refused or read
// back to itself.
func FuzzStoredPayload(f *testing.F) {
	for _, seed := range []string{"0", "4KiB:json", "@body.bin:13:abcd", "@a:b:1:c", "@", "@::"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p, q Payload
		if p.UnmarshalText(text) != nil {
			return
		}
		stored, err := p.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := q.UnmarshalText(stored); err != nil || q.stored() != p.stored() {
			t.Errorf("%q: stored as %q, read as %+v, %v", text, stored, q, err)
		}
	})
}

// overheads is the built-in suite of a run.
func overheads(t testing.TB) []byte {
	data, err := suites.ReadFile(overheadsName + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}
