package memcachestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/jetonkit/jeton/store"
)

// isAnswer reports whether an error of gomemcache is an answer of the server, after which the connection is as good as new.
func isAnswer(err error) bool {
	return errors.Is(err, memcache.ErrCacheMiss) || errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrNotStored)
}

// nothingSent is an error of a write of which it is certain that it has not happened.
type nothingSent struct{ error }

// Unwrap returns what it marks.
func (e nothingSent) Unwrap() error { return e.error }

// answers are what servers say instead of what was asked for, each after its first words, and what to do about it.
var answers = []struct{ words, remedy string }{
	{"SERVER_ERROR out of memory", "the server is full: give it more memory (-m), or let tokens live shorter; nothing was written"},
	{"SERVER_ERROR object too large", "the server's item_size_max is smaller than when the store was opened: start it with -I as before; nothing was written"},
	{"SERVER_ERROR", "the server answered with an error: look at its log"},
	{"CLIENT_ERROR unauthenticated", "the server wants a user and a password, which this client cannot give: start it without -Y and -S, on a private network or with TLS client certificates"},
	{"ERROR Too many open connections", "the server has as many connections as it allows: raise -c, or lower Pool"},
}

// refusedBy is the error for a line that does not answer the question.
func refusedBy(line string) error {
	for _, a := range answers {
		if strings.HasPrefix(line, a.words) {
			return fmt.Errorf("%w: %s", store.ErrUnavailable, a.remedy)
		}
	}
	return errForeign
}

// translate turns an error of a connection or of gomemcache into one of the contract. Answers stay. What a server says is
// not repeated: it may repeat what was sent.
func translate(ctx context.Context, addr address, err error) error {
	if err == nil || isAnswer(err) {
		return err
	}
	if ended := endOf(ctx, err); ended != nil {
		return ended
	}
	for _, ours := range []error{store.ErrUnavailable, store.ErrCorrupt, store.ErrInvalid, store.ErrClosed} {
		if errors.Is(err, ours) {
			return err
		}
	}
	for _, a := range answers[:2] { // gomemcache tells a line that it does not know within its error
		if strings.Contains(err.Error(), a.words) {
			return nothingSent{fmt.Errorf("%w: %s", store.ErrUnavailable, a.remedy)}
		}
	}
	if strings.Contains(err.Error(), answers[2].words) {
		return fmt.Errorf("%w: %s", store.ErrUnavailable, answers[2].remedy)
	}
	return unreachable(addr, err)
}

// unreachable tells a connection's error. Addresses are no secrets.
func unreachable(addr address, err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%w: the name of the server at %v does not resolve: check the host", store.ErrUnavailable, addr)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%w: cannot connect to %v: start the server, or check host and port: %w", store.ErrUnavailable, addr, op.Err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: the server at %v did not answer in time: look at its load; if it never answers, check the tls parameter", store.ErrUnavailable, addr)
	case isTLS(err):
		return fmt.Errorf("%w: TLS: the certificate or protocol of the server at %v does not fit: check the tls, ca and server_name parameters: %w", store.ErrUnavailable, addr, err)
	case op != nil:
		return fmt.Errorf("%w: the connection to %v failed: %w", store.ErrUnavailable, addr, op.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w: the server at %v closed the connection: if it always does, check that it is memcached, and the tls parameter: %w", store.ErrUnavailable, addr, io.EOF)
	}
	return fmt.Errorf("%w: what answers at %v does not speak as memcached does: check host and port, and the tls parameter", store.ErrUnavailable, addr)
}

func isTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "tls:") || strings.Contains(text, "x509:")
}

// endOf returns the context's error where err is its consequence: a connection's deadline may fire just before it.
func endOf(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if end, ok := ctx.Deadline(); ok && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)) && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return nil
}
