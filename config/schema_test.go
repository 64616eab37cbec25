package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"
)

// validator returns what says whether a YAML file meets the schema.
func validator(t testing.TB) func(text []byte) error {
	t.Helper()
	var schema jsonschema.Schema
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(text []byte) error {
		var value any
		if err := yaml.Unmarshal(text, &value); err != nil {
			return err
		}
		plain, err := json.Marshal(value) // dates become texts, as in YAML 1.2
		if err != nil {
			return err
		}
		if err := json.Unmarshal(plain, &value); err != nil {
			return err
		}
		return resolved.Validate(value)
	}
}

// TestSchemaAgreesWithLoad: the schema accepts every file that Load accepts, and refuses those that say so. Killed mutants:
// additionalProperties left out of groups; a minimum one too high; a choice missing from an enum.
func TestSchemaAgreesWithLoad(t *testing.T) {
	validate := validator(t)
	refused := 0
	for _, c := range cases(t) {
		text, ok := c.files["jeton.yaml"]
		if !ok {
			continue
		}
		want := c.files["want"]
		if c.schema && (strings.Contains(want, "the file ") || strings.Contains(want, "given twice")) {
			continue // a mistake of YAML, before any schema
		}
		err := validate([]byte(text))
		if c.schema != (err == nil) {
			t.Errorf("%s: %v", filepath.Base(c.path), err)
		}
		if !c.schema {
			refused++
		}
		if !c.schema && !strings.HasPrefix(want, "load: ") {
			t.Errorf("%s: the schema refuses what Load accepts", filepath.Base(c.path))
		}
	}
	if refused < 15 {
		t.Errorf("the schema refuses %d cases", refused)
	}
}

// TestSchemaFile: config/schema.json is what Schema returns.
func TestSchemaFile(t *testing.T) {
	text, err := os.ReadFile("schema.json")
	if err != nil || !bytes.Equal(text, Schema()) {
		t.Errorf("config/schema.json is stale, run make docs (%v)", err)
	}
}

// FuzzLoad: whatever the files hold, Load answers, every mistake is whole, and a file that it accepts meets the schema.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range bytes.Split(text, []byte("-- ")) {
			if _, body, ok := bytes.Cut(part, []byte(" --\n")); ok {
				f.Add(body, []byte("A=1"))
				f.Add([]byte("issuer: {name: x}\n"), body)
			}
		}
	}
	validate := validator(f)
	dir := f.TempDir()
	path := filepath.Join(dir, "jeton.yaml")
	f.Fuzz(func(t *testing.T, file, secrets []byte) {
		for name, text := range map[string][]byte{path: file, filepath.Join(dir, ".secrets"): secrets} {
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := load(t.Context(), path, []string{"JWT_SECRET=hunter2-hunter2-hunter2-hunter2-hunter2", "JETON_STORE_URL=memory://", "JETON_ISSUER_NAME=x"})
		if err != nil {
			checkTyped(t, err)
			return
		}
		checkPrints(t, cfg)
		if err := validate(file); err != nil {
			t.Errorf("Load accepts what the schema refuses: %v", err)
		}
	})
}
