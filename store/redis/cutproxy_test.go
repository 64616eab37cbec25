package redisstore_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
)

// cutProxy stands between a client and a server and knows where requests and replies end, so that it can spoil any
// one of them. Its fields are set before the calls that they are to meet.
type cutProxy struct {
	backend string
	listen  net.Listener

	mu sync.Mutex
	// answer, where it is not nil and returns a text, answers in the place of the server.
	answer func(args []string) string
	// cutReply and cutRequest, from 0 on, are how many bytes of the scripts' replies and requests pass before both
	// connections are cut, once; -1 passes all.
	cutReply, cutRequest int
	// swap turns the replies of two HMGETs that came over one connection.
	swap bool

	// gate, where it is not nil, holds every reply back until it is closed.
	gate chan struct{}

	seen    []string // the commands, as they came
	passed  int      // the bytes of scripts' replies that have passed since arm
	written int      // the bytes of scripts' requests
	conns   map[net.Conn]bool
	done    sync.WaitGroup
}

// newCutProxy starts a proxy that ends with the test.
func newCutProxy(t testing.TB, backend string) *cutProxy {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &cutProxy{backend: backend, listen: listen, cutReply: -1, cutRequest: -1, conns: map[net.Conn]bool{}}
	p.done.Go(func() {
		for {
			client, err := listen.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = listen.Close()
		p.cutAll()
		p.done.Wait()
	})
	return p
}

func cutProxyTo(t testing.TB, s *testenv.RedisServer) *cutProxy { return newCutProxy(t, s.Addr()) }

func (p *cutProxy) addr() string { return p.listen.Addr().String() }
func (p *cutProxy) url() string  { return "redis://" + p.addr() }

// cutAll ends every connection.
func (p *cutProxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// arm sets the next cut; -1 for none.
func (p *cutProxy) arm(reply, request int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutReply, p.cutRequest, p.passed, p.written, p.seen = reply, request, 0, 0, nil
}

// answers sets what answers in the place of the server.
func (p *cutProxy) answers(f func(args []string) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// swapReplies has the replies of neighbouring HMGETs change places.
func (p *cutProxy) swapReplies(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swap = on
}

// hold holds all replies back from now on, and returns what lets them pass.
func (p *cutProxy) hold() (release func()) {
	gate := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = gate
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.gate = nil
		close(gate)
	})
}

func (p *cutProxy) pass() {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// open returns how many connections there are.
func (p *cutProxy) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// traffic returns the bytes of scripts' replies and requests, and the commands, since arm.
func (p *cutProxy) traffic() (replies, requests int, commands []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed, p.written, p.seen
}

func (p *cutProxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.backend)
	if err != nil {
		_ = client.Close()
		return
	}
	p.keep(true, client, server)
	defer p.keep(false, client, server)
	in, back := bufio.NewReader(client), bufio.NewReader(server)
	var held []byte // the first of two replies to swap
	for {
		raw, args, err := respRequest(in)
		if err != nil {
			return
		}
		reply, over := p.ask(raw, args, server, back)
		switch {
		case held == nil && in.Buffered() > 0 && p.swaps(args): // another one follows in the same pipeline
			held = reply
			continue
		case held != nil && (in.Buffered() == 0 || p.swaps(args)):
			reply, held = append(reply, held...), nil
		}
		p.pass()
		if _, err := client.Write(reply); err != nil || over {
			return
		}
	}
}

// ask returns what of a reply passes, and whether that is all of the connection.
func (p *cutProxy) ask(raw []byte, args []string, server net.Conn, back *bufio.Reader) (reply []byte, over bool) {
	script := slices.Contains([]string{"fcall", "function", "evalsha", "eval"}, args[0])
	p.mu.Lock()
	p.seen = append(p.seen, args[0])
	if p.answer != nil {
		if said := p.answer(args); said != "" {
			p.mu.Unlock()
			return []byte(said), false
		}
	}
	out, over := raw, false
	if script {
		out, over = cutAt(raw, &p.written, &p.cutRequest)
	}
	p.mu.Unlock()
	if _, err := server.Write(out); err != nil || over {
		return nil, true
	}
	reply, err := respReply(back)
	if err != nil {
		return nil, true
	}
	if script {
		p.mu.Lock()
		defer p.mu.Unlock()
		return cutAt(reply, &p.passed, &p.cutReply)
	}
	return reply, false
}

// cutAt returns the bytes of raw that pass, and whether the connection ends behind them, which happens once.
func cutAt(raw []byte, passed, limit *int) ([]byte, bool) {
	before := *passed
	*passed += len(raw)
	if *limit < 0 || *limit > *passed {
		return raw, false
	}
	left := *limit - before
	*limit = -1
	return raw[:left], true
}

func (p *cutProxy) keep(on bool, conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if delete(p.conns, c); on {
			p.conns[c] = true
		} else {
			_ = c.Close()
		}
	}
}

func (p *cutProxy) swaps(args []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swap && args[0] == "hmget"
}

// respRequest reads a command, raw and as its words, the first in lower case.
func respRequest(in *bufio.Reader) (raw []byte, args []string, err error) {
	raw, err = respReply(in)
	if err != nil {
		return nil, nil, err
	}
	rest := bufio.NewReader(bytes.NewReader(raw))
	_, n, err := respLine(rest)
	if err != nil {
		return nil, nil, err
	}
	for range n {
		line, size, err := respLine(rest)
		if err != nil || line[0] != '$' {
			return nil, nil, fmt.Errorf("no request: %q", raw)
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(rest, word); err != nil {
			return nil, nil, err
		}
		args = append(args, string(word[:size]))
	}
	args[0] = strings.ToLower(args[0])
	return raw, args, nil
}

// respReply reads one reply, of whatever depth.
func respReply(in *bufio.Reader) ([]byte, error) {
	line, n, err := respLine(in)
	if err != nil || n < 0 {
		return line, err
	}
	switch line[0] {
	case '$', '=':
		body := make([]byte, n+2)
		_, err = io.ReadFull(in, body)
		return append(line, body...), err
	case '*', '~', '>', '%':
		if line[0] == '%' {
			n *= 2
		}
		for range n {
			item, err := respReply(in)
			if err != nil {
				return nil, err
			}
			line = append(line, item...)
		}
	}
	return line, nil
}

// respLine reads a line and the number in it.
func respLine(in *bufio.Reader) (line []byte, n int, err error) {
	line, err = in.ReadBytes('\n')
	if err != nil || len(line) < 3 {
		return nil, 0, fmt.Errorf("no line: %w", err)
	}
	if strings.ContainsRune("$=*~>%", rune(line[0])) {
		n, err = strconv.Atoi(string(line[1 : len(line)-2]))
	}
	return bytes.Clone(line), n, err
}
