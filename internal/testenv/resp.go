package testenv

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// replyLimit bounds one command of a Conn: a paused server must not hang a test.
const replyLimit = 5 * time.Second

// ServerError is what a server answered instead of a result: "ERR unknown command …".
type ServerError string

func (e ServerError) Error() string { return string(e) }

// Conn is one connection to a Redis server, in RESP2. It is for arranging and inspecting, not for speed, and for
// commands that belong together, such as a write and its WAIT. It is not safe for concurrent use.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
}

// dial connects, by TLS if there is a configuration, and logs in if there is a password.
func dial(addr string, config *tls.Config, password string) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, replyLimit)
	if err != nil {
		return nil, err
	}
	if config != nil {
		conn = tls.Client(conn, config)
	}
	c := &Conn{conn: conn, in: bufio.NewReader(conn)}
	if password != "" {
		if _, err := c.Do("AUTH", password); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return c, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Do sends a command and returns its reply: a string, an int64, nil, or a []any of them, in which an error is a
// ServerError. A reply that is an error is returned as one. A reply takes at most five seconds.
func (c *Conn) Do(args ...string) (any, error) {
	if err := c.conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c.conn, request(args)); err != nil {
		return nil, err
	}
	reply, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	if refused, ok := reply.(ServerError); ok {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), refused)
	}
	return reply, nil
}

func request(args []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	return b.String()
}

// read reads one reply, of whatever depth.
func (c *Conn) read() (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("an empty line is no reply")
	}
	switch kind, rest := line[0], line[1:]; kind {
	case '+':
		return rest, nil
	case '-':
		return ServerError(rest), nil
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	case '$':
		return c.readBulk(rest)
	case '*':
		return c.readArray(rest)
	default:
		return nil, fmt.Errorf("not a reply: %q", line)
	}
}

func (c *Conn) readBulk(length string) (any, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return nil, err // -1 is RESP2's nil
	}
	data := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(c.in, data); err != nil {
		return nil, err
	}
	return string(data[:n]), nil
}

func (c *Conn) readArray(length string) (any, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return nil, err
	}
	items := make([]any, n)
	for i := range items {
		if items[i], err = c.read(); err != nil {
			return nil, err
		}
	}
	return items, nil
}
