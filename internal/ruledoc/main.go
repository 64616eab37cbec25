// Command ruledoc runs the conformance suite on this repository's stores and writes docs/conformance.md: what each rule
// says, and which store keeps it.
//
// It is run from the root of the repository. With -check it writes nothing and fails if the page is stale. A rule that
// fails fails the command too: the page is never written with one.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail if the page is stale")
	flag.Parse()
	err := testenv.Program(func(t testing.TB) error { return run(t, "docs/conformance.md", *check) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "ruledoc:", err)
		os.Exit(1)
	}
}

func run(t testing.TB, path string, check bool) error {
	var names []string
	var reports []conformance.Report
	for _, b := range backends {
		h := b.harness(t)
		h.Traits.Seed, h.Traits.Histories = 1, 10 // the tests play many more; a page must not depend on luck
		rep := conformance.Check(h)
		if !rep.OK() {
			return fmt.Errorf("the store %s is not right:\n%s", b.name, rep)
		}
		names, reports = append(names, b.name), append(reports, rep)
	}
	fresh := page(names, reports)
	old, err := os.ReadFile(path)
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	case bytes.Equal(old, fresh):
		return nil
	case check:
		return errors.New(path + " is stale: run make docs")
	}
	return os.WriteFile(path, fresh, 0o644)
}
