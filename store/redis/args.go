package redisstore

import (
	"encoding/binary"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
)

// arguments are a command's. A text goes into them by its address, since as a value in an interface it would be a piece of
// memory of its own.
type arguments struct {
	list  []any
	texts []string
	// question is what the answer must begin with.
	question string
}

// newArguments returns arguments that begin with what is fixed; there will be so many texts.
func newArguments(texts int, fixed ...any) arguments {
	return arguments{list: append(make([]any, 0, len(fixed)+texts+2), fixed...), texts: make([]string, 0, texts)}
}

// text appends a text.
func (a *arguments) text(text string) {
	if len(a.texts) == cap(a.texts) { // no address may change
		a.list = append(a.list, text)
		return
	}
	a.texts = append(a.texts, text)
	a.list = append(a.list, &a.texts[len(a.texts)-1])
}

// field appends a field.
func (a *arguments) field(f keyspace.Field) { a.text(string(f[:])) }

// The numbers of a verb go out as one text, which the script unpacks at once.

// appendNumber appends the last n bytes of a number, the highest first.
func appendNumber(b []byte, n int, number uint64) []byte {
	var all [8]byte
	binary.BigEndian.PutUint64(all[:], number)
	return append(b, all[8-n:]...)
}

// appendEnd appends an end in milliseconds, rounded up; the zero time is 0.
func appendEnd(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return appendNumber(b, 6, 0)
	}
	return appendNumber(b, 6, uint64(t.Add(time.Millisecond-time.Nanosecond).UnixMilli()))
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
