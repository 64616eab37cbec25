// Command gen writes the depguard section of .golangci.yaml from the import table.
//
// It is run from the root of the repository. With -check it writes nothing and fails if the section is stale.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/jetonkit/jeton/internal/archtest"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail if the section is stale")
	flag.Parse()
	if err := run(".golangci.yaml", *check); err != nil {
		fmt.Fprintln(os.Stderr, "archtest/gen:", err)
		os.Exit(1)
	}
}

func run(path string, check bool) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fresh, err := archtest.Depguard(old, archtest.Table)
	if err != nil || bytes.Equal(old, fresh) {
		return err
	}
	if check {
		return errors.New(path + " is stale: run make docs")
	}
	return os.WriteFile(path, fresh, 0o644)
}
