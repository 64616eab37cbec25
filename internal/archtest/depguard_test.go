package archtest

import (
	"strings"
	"testing"
)

const config = "linters:\n  # BEGIN depguard: written by `go run ./internal/archtest/gen`\n  stale\n  # END depguard\nrest\n"

func TestDepguardRewritesOnlyItsSection(t *testing.T) {
	table := []Row{
		{Package: "a", Imports: []string{"b/...", bbolt}, Reason: "r"},
		{Package: "b/test/...", TestSupport: true, Reason: "r"},
		{Package: "prog/...", Imports: []string{AnyLibrary, "a"}, TestSupport: true, Reason: "users cannot"},
	}
	const want = "linters:\n  # BEGIN depguard: written by `go run ./internal/archtest/gen`\n" + `  depguard:
    rules:
      a:
        list-mode: strict
        files: ["${config-path}/a/*.go", "!$test"]
        allow:
          - "$gostd"
          - "github.com/jetonkit/jeton/b$"
          - "github.com/jetonkit/jeton/b/"
          - "go.etcd.io/bbolt"
        deny:
          - {pkg: "testing", desc: "only tests may"}
          - {pkg: "github.com/jetonkit/jeton/b/test", desc: "only tests may"}
      b/test:
        list-mode: strict
        files: ["${config-path}/b/test/**.go", "!$test"]
        allow:
          - "$gostd"
          - "github.com/jetonkit/jeton/b/test$"
          - "github.com/jetonkit/jeton/b/test/"
      prog:
        list-mode: lax
        files: ["${config-path}/prog/**.go", "!$test"]
        allow:
          - "$gostd"
          - "github.com/jetonkit/jeton/prog$"
          - "github.com/jetonkit/jeton/prog/"
          - "github.com/jetonkit/jeton/a$"
        deny:
          - {pkg: "github.com/jetonkit/jeton", desc: "users cannot"}
` + "  # END depguard\nrest\n"
	got, err := Depguard([]byte(config), table)
	if err != nil || string(got) != want {
		t.Fatalf("error %v, configuration:\n%s\nwant:\n%s", err, got, want)
	}
	again, err := Depguard(got, table)
	if err != nil || string(again) != want {
		t.Errorf("a second run changed the configuration: error %v\n%s", err, again)
	}
}

func TestDepguardNeedsItsMarkers(t *testing.T) {
	for _, marker := range []string{"BEGIN", "END"} {
		if _, err := Depguard([]byte(strings.Replace(config, marker, "", 1)), Table); err == nil {
			t.Errorf("no error without the %s line", marker)
		}
	}
}
