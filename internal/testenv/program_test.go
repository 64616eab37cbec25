package testenv_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
)

// TestProgram holds the stand-in for a test to its rules.
func TestProgram(t *testing.T) {
	wrong := errors.New("wrong")
	for _, tt := range []struct {
		rule string
		run  func(testing.TB) error
		want string
	}{
		{"what run returns is the error", func(testing.TB) error { return wrong }, "wrong"},
		{"without an error there is none", func(testing.TB) error { return nil }, ""},
		{"Fatal ends run and is the error", func(p testing.TB) error { p.Fatal("no", "server"); panic("goes on") }, "noserver"},
		{"Skip does so too: a program skips nothing", func(p testing.TB) error { p.Skip("no server"); panic("goes on") }, "no server"},
		{"Errorf is an error at the end", func(p testing.TB) error { p.Errorf("%d left", 3); return nil }, "3 left"},
		{"what cleans up may fail it", func(p testing.TB) error { p.Cleanup(func() { p.Error("late") }); return nil }, "late"},
	} {
		err := testenv.Program(tt.run)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v", tt.rule, err)
		}
	}
}

func TestProgramCleansUp(t *testing.T) {
	var dir string
	var order []int
	err := testenv.Program(func(p testing.TB) error {
		dir = p.TempDir()
		p.Cleanup(func() { order = append(order, 1) })
		p.Cleanup(func() { order = append(order, 2) })
		p.Fatal("ends")
		return nil
	})
	if err == nil || len(order) != 2 || order[0] != 2 {
		t.Errorf("cleaned up in the order %v, error %v", order, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestProgramStartsAServer(t *testing.T) {
	testenv.Redis(t) // says so where there is none
	err := testenv.Program(func(p testing.TB) error {
		if got := testenv.Redis(p).Do("PING"); got != "PONG" {
			return errors.New("no PONG")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
