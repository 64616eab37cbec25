package testenv_test

import (
	"fmt"
	"slices"
	"testing"
)

// fake is a test inside of a test, which may be skipped or fail. What it does not catch is the outer one's.
type fake struct {
	testing.TB
	skip, failure string
	logs          []string
	cleanups      []func()
}

// over ends the fake test from within, as runtime.Goexit does a real one.
type over struct{}

// try runs a function as a test of its own, with its cleanups.
func try(t *testing.T, f func(t testing.TB)) *fake {
	t.Helper()
	inner := &fake{TB: t}
	run := func(f func()) {
		defer func() {
			if r := recover(); r != nil && r != any(over{}) {
				panic(r)
			}
		}()
		f()
	}
	run(func() { f(inner) })
	for _, cleanup := range slices.Backward(inner.cleanups) {
		run(cleanup)
	}
	return inner
}

func (f *fake) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fake) Failed() bool     { return f.failure != "" }

func (f *fake) Skip(args ...any) {
	f.skip = fmt.Sprint(args...)
	panic(over{})
}

func (f *fake) Fatal(args ...any) {
	f.failure = fmt.Sprint(args...)
	panic(over{})
}

func (f *fake) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }
func (f *fake) Errorf(format string, args ...any) { f.failure = fmt.Sprintf(format, args...) }

func (f *fake) Logf(format string, args ...any) {
	f.logs = append(f.logs, fmt.Sprintf(format, args...))
}
