//go:build unix

package faults_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jetonkit/jeton/token"
)

// clock is the machine's monotonic clock: one for all processes, which nobody sets and which goes on while one of them is
// stopped.
func clock() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // every machine has it
	}
	return time.Duration(ts.Nano())
}

// setup is the first thing that a verifying process is told.
type setup struct {
	Sentinels []string
	Master    string
	Via       map[string]string // a server's address -> that of the proxy to it
	Prefix    string
	Issuer    string
	Secret    []byte // of the tokens' signatures
	Log       string // a file for what it did
	Eyes      []eyeKind
}

// eyeKind is one verifier of a process, with a client, a feed and a cache or view of its own.
type eyeKind struct {
	Name     string
	Kind     string
	MaxStale time.Duration // what it is held to
}

// The kinds of eyes. The last two are wrong on purpose: the soak must find them.
const (
	withCache = "cache"
	withView  = "view"
	deafCache = "cache without its feed"
	slowCache = "cache with too long a MaxStale"
)

func (k eyeKind) broken() bool { return k.Kind == deafCache || k.Kind == slowCache }

// order is what a verifying process is told later, one in a line.
type order struct {
	Add   []parcel `json:",omitempty"`
	Drop  []uint32 `json:",omitempty"`
	Probe uint32   `json:",omitempty"` // check this one without pause until it is refused
	End   bool     `json:",omitempty"`
}

// parcel is a token and its number.
type parcel struct {
	N   uint32
	JWT string
}

// report is a process's last word.
type report struct {
	Hits, Misses, Doubts map[string]int64 // by eye
}

// verdict is how a check ended.
type verdict uint8

const (
	accepted verdict = iota
	refused
	unanswered
)

func verdictOf(err error) verdict {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, token.ErrInvalidToken):
		return refused
	}
	return unanswered
}

// check is one line of a process's log. Began is read before the verifier is called.
type check struct {
	Eye   uint8
	Said  verdict
	Token uint32
	Began time.Duration
	Ended time.Duration
}

const checkBytes = 1 + 1 + 4 + 8 + 8

// logbook writes checks to a file.
type logbook struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
}

func newLogbook(name string) (*logbook, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return &logbook{file: file, out: bufio.NewWriterSize(file, 1<<16)}, nil
}

func (l *logbook) note(c check) {
	var b [checkBytes]byte
	b[0], b[1] = c.Eye, byte(c.Said)
	binary.LittleEndian.PutUint32(b[2:], c.Token)
	binary.LittleEndian.PutUint64(b[6:], uint64(c.Began))
	binary.LittleEndian.PutUint64(b[14:], uint64(c.Ended))
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(b[:]) // close tells
}

func (l *logbook) close() error { return errors.Join(l.out.Flush(), l.file.Close()) }

// readLog calls f for every check of a log.
func readLog(name string, f func(check)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was read
	in := bufio.NewReaderSize(file, 1<<16)
	for {
		var b [checkBytes]byte
		if _, err := io.ReadFull(in, b[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		f(check{
			Eye: b[0], Said: verdict(b[1]), Token: binary.LittleEndian.Uint32(b[2:]),
			Began: time.Duration(binary.LittleEndian.Uint64(b[6:])), Ended: time.Duration(binary.LittleEndian.Uint64(b[14:])),
		})
	}
}
