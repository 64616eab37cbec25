package testenv_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
)

// echo answers each line with itself.
func echo(t *testing.T) (addr string) {
	t.Helper()
	return testenv.Stranger(t, func(c net.Conn) {
		for in := bufio.NewReader(c); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(line))
		}
	})
}

// client is one connection through a proxy.
type client struct {
	net.Conn
	in *bufio.Reader
}

func connect(t *testing.T, p *testenv.Proxy) *client {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{c, bufio.NewReader(c)}
}

// says sends a line and returns what comes back in time.
func (c *client) says(line string, within time.Duration) (string, error) {
	if line != "" {
		if _, err := c.Write([]byte(line + "\n")); err != nil {
			return "", err
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	return c.in.ReadString('\n')
}

// TestProxy: what a proxy does to connections that run and to new ones.
func TestProxy(t *testing.T) {
	const long, short = 10 * time.Second, 50 * time.Millisecond
	well := func(t *testing.T, c *client) {
		t.Helper()
		if got, err := c.says("well", long); got != "well\n" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	p := testenv.NewProxy(t, echo(t))
	t.Run("it passes", func(t *testing.T) { well(t, connect(t, p)) })
	t.Run("a reset ends what runs, and nothing else", func(t *testing.T) {
		c := connect(t, p)
		well(t, c)
		p.Reset()
		if _, err := c.says("dead", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after a reset: %v", err)
		}
		well(t, connect(t, p))
	})
	t.Run("a cut ends new ones too, until it is over", func(t *testing.T) {
		p.Cut()
		if _, err := connect(t, p).says("dead", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("through a cut: %v", err)
		}
		p.Restore()
		well(t, connect(t, p))
	})
	for _, way := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		t.Run("a black hole holds everything, and tells nobody", func(t *testing.T) {
			c := connect(t, p)
			well(t, c)
			p.Hole(way[0], way[1])
			if got, err := c.says("late", short); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("through a black hole: %q, %v", got, err)
			}
			p.Hole(false, false)
			if got, err := c.says("", long); got != "late\n" {
				t.Errorf("behind a black hole: %q, %v", got, err)
			}
		})
	}
}
