package result

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"grpcbench/internal/codec"
	"grpcbench/internal/hist"
	"grpcbench/internal/plan"
	"grpcbench/testing/conform"
)

const (
	schemaFile  = conform.Schema
	formatsFile = "../../docs/formats.md"
)

// publicSchema is the JSON Schema of result.json, inferred from the Go types.
func publicSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text := &jsonschema.Schema{Type: "string"} // in the form of the flag
	s, err := jsonschema.For[Result](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Verdict]():            {Type: "string", Enum: []any{Valid, Degraded, Partial, Invalid}},
		reflect.TypeFor[codec.Spec]():         text,
		reflect.TypeFor[plan.ResponseCodec](): text,
		reflect.TypeFor[plan.MetadataSize]():  text,
		reflect.TypeFor[plan.Payload]():       text,
		reflect.TypeFor[hist.HDR]():           {Type: "string", Description: "base64"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	loosen(s)
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = Schema
	s.Description = "A result of grpc-bench. docs/formats.md says what each field means. Within a version fields are only added."
	s.Properties["schema"].Const = jsonschema.Ptr[any](Schema)
	s.Properties["id"].Pattern = "^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{8}$"
	s.Properties["created"].Format = "date-time"
	s.Properties["checksum"] = &jsonschema.Schema{Type: "string", Pattern: "^sha256:[0-9a-f]{64}$"}
	comparison := s.Properties["comparisons"].Items
	comparison.Properties["verdict"].Enum = []any{"slower", "faster", "same", "inconclusive"}
	return s
}

// loosen allows fields that a later tool may add, and forbids null where the
// stored form has none: a fact that is not known is absent, a list is empty.
func loosen(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if s.Properties != nil {
		s.AdditionalProperties = nil
	}
	for name, p := range s.Properties {
		if !slices.Contains(s.Required, name) || slices.Contains(p.Types, "array") {
			notNull(p)
		}
		loosen(p)
	}
	if s.Items != nil {
		notNull(s.Items)
		loosen(s.Items)
	}
	loosen(s.AdditionalProperties)
}

func notNull(s *jsonschema.Schema) {
	if i := slices.Index(s.Types, "null"); i >= 0 && len(s.Types) == 2 {
		s.Type, s.Types = s.Types[1-i], nil
	}
}

func TestSchemaFileIsCurrent(t *testing.T) {
	data, err := json.MarshalIndent(publicSchema(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, append(data, '\n'))
}

// document is the fixture as a reader without our types sees it.
func document(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile(fixtureFile)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheSchemaDescribesAResult(t *testing.T) {
	armOf := func(doc map[string]any) map[string]any { return doc["arms"].([]any)[0].(map[string]any) }
	latency := func(doc map[string]any) map[string]any { return armOf(doc)["latency_ns"].(map[string]any) }
	tests := []struct {
		name   string
		change func(map[string]any)
		valid  bool
	}{
		{"as it is", func(map[string]any) {}, true},
		{"a quantile beyond", func(d map[string]any) { latency(d)["p99"], latency(d)["beyond"] = nil, true }, true},
		{"a field of a later tool", func(d map[string]any) { armOf(d)["novelty"] = 1.0 }, true},
		{"no ratio", func(d map[string]any) { d["comparisons"].([]any)[0].(map[string]any)["estimate_ratio"] = nil }, true},
		{"another version", func(d map[string]any) { d["schema"] = "grpc-bench/result/v2" }, false},
		{"an unknown verdict", func(d map[string]any) { d["verdict"] = "FINE" }, false},
		{"a missing ledger", func(d map[string]any) { delete(armOf(d), "ledger") }, false},
		{"a count that is null", func(d map[string]any) { latency(d)["count"] = nil }, false},
		{"a list that is null", func(d map[string]any) { d["warnings"] = nil }, false},
		{"a fact that is null", func(d map[string]any) { armOf(d)["server_cpu_ns_per_rpc"] = nil }, false},
		{"a fraction of an RPC", func(d map[string]any) { armOf(d)["ledger"].(map[string]any)["ok"] = 1.5 }, false},
		{"an id that is a path", func(d map[string]any) { d["id"] = "../x" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := document(t)
			tt.change(doc)
			if err := conform.Document(doc); (err == nil) != tt.valid {
				t.Errorf("error %v, want valid: %t", err, tt.valid)
			}
		})
	}
}

// names collects the names of all fields below s.
func names(s *jsonschema.Schema, into map[string]bool) {
	if s == nil {
		return
	}
	for name, p := range s.Properties {
		into[name] = true
		names(p, into)
	}
	names(s.Items, into)
	names(s.AdditionalProperties, into)
}

func TestEveryFieldAndCheckIsDocumented(t *testing.T) {
	data, err := os.ReadFile(formatsFile)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	names(publicSchema(t), want)
	for _, c := range checks() {
		want[c.code] = true
	}
	for name := range want {
		if !strings.Contains(string(data), "`"+name+"`") {
			t.Errorf("%s does not say what `%s` means", formatsFile, name)
		}
	}
}

func TestEveryCheckIsDocumentedInItsWords(t *testing.T) {
	data, err := os.ReadFile(formatsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks() {
		if row := "| `" + c.code + "` | " + c.doc + " |"; !strings.Contains(string(data), row) {
			t.Errorf("%s has no row %q", formatsFile, row)
		}
	}
}
