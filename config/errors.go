package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// Error is one mistake of a configuration: where it is, what is wrong, what to do. It never holds a value that may be a
// secret. errors.Is(err, [store.ErrInvalid]) holds, unless Err says something else, such as [store.ErrUnavailable].
type Error struct {
	// File is where the mistake is: a path, "environment", or empty for a Config that no file made.
	File string
	// Line is the line in File, from 1 on; 0 where there is none.
	Line int
	// Key is the key as the file has it, "issuer.access_ttl", or a variable's name.
	Key string
	// Problem says what is wrong and names the limit.
	Problem string
	// Remedy says what to do about it.
	Remedy string
	// Err is the cause; nil for plain bad input.
	Err error
}

// Error returns "jeton: file:line: key problem: remedy", without what is unknown.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("jeton: ")
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + " ")
	}
	b.WriteString(e.Problem + ": " + e.Remedy)
	return b.String()
}

// Unwrap returns the cause, or [store.ErrInvalid].
func (e *Error) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return store.ErrInvalid
}

// mistakes gathers what is wrong, so that one start shows all of it.
type mistakes []*Error

func (m *mistakes) add(at origin, key, problem, remedy string) {
	*m = append(*m, &Error{File: at.file, Line: at.line, Key: cmp.Or(at.name, key), Problem: problem, Remedy: remedy})
}

// maxMistakes is how many mistakes are told. A file of another kind may have thousands.
const maxMistakes = 50

// join returns the mistakes in the order of files and lines, nil for none.
func (m mistakes) join() error {
	slices.SortStableFunc(m, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	if len(m) > maxMistakes {
		rest := &Error{File: m[maxMistakes].File, Problem: fmt.Sprintf("and others have %d more mistakes", len(m)-maxMistakes), Remedy: "correct the first ones and start again"}
		m = append(m[:maxMistakes:maxMistakes], rest)
	}
	errs := make([]error, len(m))
	for n, e := range m {
		errs[n] = e
	}
	return errors.Join(errs...)
}

// origin is where a value was given.
type origin struct {
	layer layer
	// file and line are as in [Error].
	file string
	line int
	// name is the variable's where it was one.
	name string
}

// layer is a place of values; a higher one wins.
type layer int

const (
	yamlLayer layer = iota
	dotenvLayer
	secretsLayer
	environLayer
)
