package boltstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
)

// TestBadOptions: every bad option and parameter is a FieldError that names it, and makes no file.
func TestBadOptions(t *testing.T) {
	for name, c := range map[string]struct {
		o     boltstore.Options
		field string
	}{
		"a timeout too short":      {boltstore.Options{Timeout: time.Microsecond}, "Options.Timeout"},
		"a timeout too long":       {boltstore.Options{Timeout: time.Hour}, "Options.Timeout"},
		"a negative token life":    {boltstore.Options{MaxTokenLife: -1}, "Options.MaxTokenLife"},
		"a token life over 30 d":   {boltstore.Options{MaxTokenLife: 31 * 24 * time.Hour}, "Options.MaxTokenLife"},
		"negative marks":           {boltstore.Options{MaxMarks: -1}, "Options.MaxMarks"},
		"more marks than the most": {boltstore.Options{MaxMarks: 4097}, "Options.MaxMarks"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			_, err := boltstore.Open(t.Context(), path, &c.o)
			var f *store.FieldError
			if !errors.As(err, &f) || f.Field != c.field || f.Remedy == "" {
				t.Errorf("got %v, want a FieldError of %s", err, c.field)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("a file was made")
			}
		})
	}
	if _, err := boltstore.Open(t.Context(), "", nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("without a path: %v, want ErrInvalid", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := boltstore.Open(ended, filepath.Join(t.TempDir(), "x.db"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if _, err := boltstore.Open(t.Context(), filepath.Join(t.TempDir(), "no", "such", "dir.db"), nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("in a directory that is not there: %v, want ErrUnavailable", err)
	}
}

// TestURL: the forms of the URL, and what is refused.
// A place that cannot be opened says what to do about it.
func TestBadPlaces(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rule, path, says string }{
		{"in no directory", filepath.Join(dir, "no", "tokens.db"), "make the directory, or correct the path"},
		{"a directory", dir, "is a directory"},
		{"below a file", filepath.Join(file, "tokens.db"), "not a directory"},
	} {
		if _, err := boltstore.Open(t.Context(), c.path, nil); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

func TestURL(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for url, file := range map[string]string{
		"bolt://" + dir + "/absolute.db":                  "absolute.db",
		"bolt:relative.db":                                "relative.db",
		"bolt:a%20name.db?timeout=2s&max_marks=10":        "a name.db",
		"bolt:life.db?max_token_life=1h&sweep=10m":        "life.db",
		"bolt:./dotted.db?max_token_life=24h&timeout=10s": "dotted.db",
	} {
		s, err := store.Open(t.Context(), url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("%s made no file %s", url, file)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for url, want := range map[string]string{
		"bolt://relative/path.db":             "three slashes",
		"bolt://user:secret@host/x.db":        "three slashes",
		"bolt:x.db?timeout=soon":              `"timeout"`,
		"bolt:x.db?Timeout=1s":                "the known ones are timeout, max_token_life, max_marks, sweep",
		"bolt:x.db?timeout=1s&timeout=2s":     "more than once",
		"bolt:life.db?max_token_life=2h":      "the file was made with 1h",
		"bolt:x%zz.db":                        "escape",
		"bolt:?timeout=1s":                    "path",
		"bolt:x.db?max_marks=99999999999999a": "whole number",
	} {
		_, err := store.Open(t.Context(), url)
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want ErrInvalid with %q", url, err, want)
		}
	}
	if _, err := store.OpenFeed(t.Context(), "bolt:x.db"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenFeed: %v, want ErrUnsupported", err)
	}
}

// TestKeyspaceIsRecorded: what the keyspace was made with is read again, whatever the options leave open.
func TestKeyspaceIsRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path, &boltstore.Options{MaxTokenLife: 2 * time.Hour})
	first, err := s.Poll(t.Context(), 0, store.Position{})
	if err != nil || len(first.Events) != 1 || !first.Events[0].Subject.IsZero() {
		t.Fatalf("a new feed begins with %+v, %v; want a genesis", first, err)
	}
	_ = s.Close()
	s = open(t, path, nil)
	if got := s.Capabilities().MaxTokenLife; got != 2*time.Hour {
		t.Errorf("MaxTokenLife is %v after reopening, want 2h", got)
	}
	again, err := s.Poll(t.Context(), 0, store.Position{})
	if err != nil || len(again.Events) != 1 || again.Events[0].Position != first.Events[0].Position || !again.Events[0].Birth.Equal(first.Events[0].Birth) {
		t.Errorf("the feed began anew: %+v, %v", again, err)
	}
}

// TestCloseEndsAll: Close waits for what runs in the background and ends whoever waits; later calls are ErrClosed.
func TestCloseEndsAll(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := boltstore.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), &boltstore.Options{SweepInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error)
	for range 8 {
		go func() {
			for {
				if _, err := s.Issue(t.Context(), issue("ann", store.NewID())); err != nil {
					results <- err
					return
				}
			}
		}()
	}
	listening := make(chan error)
	go func() { listening <- s.Listen(t.Context(), func(store.Bell) {}) }()
	for s.Stats()[1].Value < 50 { // let them get going
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 8 {
		if err := <-results; !errors.Is(err, store.ErrClosed) {
			t.Errorf("a writer ended with %v, want ErrClosed", err)
		}
	}
	if err := <-listening; !errors.Is(err, store.ErrClosed) {
		t.Errorf("a listener ended with %v, want ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Ping after Close: %v", err)
	}
}
