package plan

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// settingFields maps each setting's name to the field of Settings that holds it,
// by the field's JSON name.
func settingFields() map[string]int {
	fields := make(map[string]int)
	for i := range reflect.TypeFor[Settings]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Settings]().Field(i).Tag.Get("json"), ",")
		for _, unit := range []string{"_ns", "_per_s"} {
			name = strings.TrimSuffix(name, unit)
		}
		fields[strings.ReplaceAll(name, "_", "-")] = i
	}
	return fields
}

func TestEachFieldOfSettingsHasAFlagAndEachFlagAField(t *testing.T) {
	fields := settingFields()
	for _, name := range settingNames() {
		if _, ok := fields[name]; !ok {
			t.Errorf("setting %s has no field", name)
		}
		delete(fields, name)
	}
	for name := range fields {
		t.Errorf("field %s has no setting", name)
	}
}

// Each row is a value that is not the default; it must change its own field and
// no other.
func TestEachSettingSetsItsFieldAlone(t *testing.T) {
	values := map[string]string{
		"target": "h:1", "server-binary": "./s {addr}", "tls": "1.2", "mtls": "on", "key": "ed25519", "group": "p256", "resumption": "on",
		"compression": "gzip:low", "response-compression": "none", "accept-compression": "zstd", "metadata": "a=b", "metadata-size": "1KiB",
		"payload": "1KiB:json", "response-payload": "2KiB", "method": "/a/b", "request": "@table_test.go",
		"connections": "7", "deadline": "1s", "engine": "wire", "windows": "dynamic",
		"churn": "5/s", "max-rpcs-per-connection": "100", "connection-age": "2s",
	}
	for _, s := range settings() {
		base, err := request{settings: choices{}}.arm()
		if err != nil {
			t.Fatal(err)
		}
		changed := base
		if err := s.apply(&changed, []given{{values[s.name], "--" + s.name}}); err != nil {
			t.Errorf("%v", err)
		}
		var names []string
		for name, i := range settingFields() {
			if !reflect.DeepEqual(reflect.ValueOf(base.Settings).Field(i).Interface(), reflect.ValueOf(changed.Settings).Field(i).Interface()) {
				names = append(names, name)
			}
		}
		if !slices.Equal(names, []string{s.name}) {
			t.Errorf("--%s %s changes %v", s.name, values[s.name], names)
		}
		if !s.differs(base, changed) {
			t.Errorf("--%s %s makes no difference between arms", s.name, values[s.name])
		}
	}
}

func TestEachOptionHasAReadableDefault(t *testing.T) {
	for _, o := range slices.Concat(options(), ceilingOptions()) {
		if o.start != "" {
			if err := o.set(&draft{}, o.start); err != nil {
				t.Errorf("--%s %s: %v", o.name, o.start, err)
			}
		}
	}
}

func TestEachFlagSaysWhatItTakes(t *testing.T) {
	var run, ceiling Config
	for _, of := range []struct {
		kind     string
		register func(*pflag.FlagSet)
		without  int // settings that it does not have, TARGET among them
	}{{"", run.Flags, 1}, {KindCeiling, ceiling.CeilingFlags, 1 + len(churn())}} {
		fs := pflag.NewFlagSet("grpc-bench", pflag.ContinueOnError)
		of.register(fs)
		count := 0
		fs.VisitAll(func(f *pflag.Flag) {
			count++
			if kind, usage := pflag.UnquoteUsage(f); usage == "" || kind == "" && f.Value.Type() != "bool" {
				t.Errorf("%q: --%s takes %q: %q", of.kind, f.Name, kind, usage)
			}
		})
		// vary, suite, results, save-baseline and format are no table's.
		if want := len(settings()) - of.without + len(optionsOf(of.kind)) + 5; count != want {
			t.Errorf("%q: %d flags, want %d", of.kind, count, want)
		}
	}
}
