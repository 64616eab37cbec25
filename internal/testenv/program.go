package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Program lets a program that is no test start servers: run gets what the functions of this package ask of a test. What
// would end the test ends run, with an error; what would clean up after it does so when run has returned.
func Program(run func(t testing.TB) error) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{ctx: ctx}
	defer p.finish(&err)
	defer cancel()
	defer func() {
		if end := recover(); end != nil {
			e, ok := end.(ending)
			if !ok {
				panic(end)
			}
			err = errors.Join(err, e)
		}
	}()
	return run(p)
}

// ending is how a test function of the program ends it.
type ending struct{ error }

// program is a testing.TB without a test. What it does not define must not be asked of it.
type program struct {
	testing.TB
	ctx context.Context //nolint:containedctx // testing.TB has one

	mu       sync.Mutex
	cleanups []func()
	failures []error
}

func (p *program) finish(err *error) {
	for len(p.cleanups) > 0 {
		last := p.cleanups[len(p.cleanups)-1]
		p.cleanups = p.cleanups[:len(p.cleanups)-1]
		last()
	}
	*err = errors.Join(append([]error{*err}, p.failures...)...)
}

// Helper is testing.TB's, as all the following are.
func (p *program) Helper() {}

// Name says that there is no test.
func (p *program) Name() string { return "program" }

// Context ends when run has returned.
func (p *program) Context() context.Context { return p.ctx }

// Log writes to stderr.
func (p *program) Log(args ...any) { fmt.Fprintln(os.Stderr, args...) }

// Logf writes to stderr.
func (p *program) Logf(f string, a ...any) { p.Log(fmt.Sprintf(f, a...)) }

// Fatal ends run.
func (p *program) Fatal(args ...any) { panic(ending{errors.New(fmt.Sprint(args...))}) }

// Fatalf ends run.
func (p *program) Fatalf(f string, a ...any) { panic(ending{fmt.Errorf(f, a...)}) }

// Skip ends run with an error: a program skips nothing.
func (p *program) Skip(args ...any) { p.Fatal(args...) }

// Error is part of what Program returns.
func (p *program) Error(args ...any) { p.fail(errors.New(fmt.Sprint(args...))) }

// Errorf is Error.
func (p *program) Errorf(f string, a ...any) { p.fail(fmt.Errorf(f, a...)) }

func (p *program) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = append(p.failures, err)
}

// Failed reports whether Error was called.
func (p *program) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.failures) > 0
}

// Cleanup keeps f until run has returned.
func (p *program) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

// TempDir returns a directory that goes when run has returned.
func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "jeton-program-")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			p.Error(err)
		}
	})
	return dir
}
