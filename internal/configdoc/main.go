// Command configdoc writes config/schema.json and the table of keys in docs/configuration.md from package config.
//
// It is run from the root of the repository. With -check it writes nothing and fails if one of them is stale.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/jetonkit/jeton/config"
)

const (
	schemaPath = "config/schema.json"
	pagePath   = "docs/configuration.md"
	begin      = "<!-- BEGIN keys: written by `go run ./internal/configdoc` -->\n"
	end        = "<!-- END keys -->\n"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail if a file is stale")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "configdoc:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	old, err := os.ReadFile(pagePath)
	if err != nil {
		return err
	}
	page, err := fill(old, table(config.Keys()))
	if err != nil {
		return err
	}
	return errors.Join(update(schemaPath, config.Schema(), check), update(pagePath, page, check))
}

// update writes a file that is not as it should be, or only tells.
func update(path string, fresh []byte, check bool) error {
	old, err := os.ReadFile(path)
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	case err == nil && bytes.Equal(old, fresh):
		return nil
	case check:
		return errors.New(path + " is stale: run make docs")
	}
	return os.WriteFile(path, fresh, 0o644)
}

// fill puts the table between its marks.
func fill(page []byte, table string) ([]byte, error) {
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return nil, errors.New(pagePath + " has no marks for the table of keys")
	}
	return []byte(head + begin + table + end + tail), nil
}

// table returns the keys as a table of Markdown.
func table(keys []config.KeyInfo) string {
	var b strings.Builder
	b.WriteString("| key, variables | form | default | example | meaning |\n|---|---|---|---|---|\n")
	for _, k := range keys {
		names := "`" + k.Path + "`"
		for _, name := range append([]string{k.Env}, k.Aliases...) {
			if name != "" {
				names += "<br>`" + name + "`"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | `%s` | %s |\n", names, k.Form, k.Default, k.Example, k.Doc)
	}
	return b.String()
}
