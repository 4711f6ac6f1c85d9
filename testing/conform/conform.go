// Package conform holds stored results against the published JSON Schema, as a
// program of somebody else's would. Nothing imports it but tests.
package conform

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is the published schema, seen from a package two directories deep.
const Schema = "../../docs/result.schema.json"

// File says what of the result.json at path is not as the schema promises.
func File(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("read document %s: %w", path, err)
	}
	return Document(doc)
}

// Document says what of a decoded result is not as the schema promises.
func Document(doc any) error {
	data, err := os.ReadFile(Schema)
	if err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	return resolved.Validate(doc)
}
