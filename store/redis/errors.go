package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/store"
)

// asServer returns the message of an error that the server told, as against one of the connection.
func asServer(err error) (string, bool) {
	var told redis.Error
	if err == nil || !errors.As(err, &told) || errors.Is(err, redis.Nil) {
		return "", false
	}
	return told.Error(), true
}

// isNil reports whether a server answered with nothing. A connection's error may wrap that answer: of a sentinel, say.
func isNil(err error) bool { return err == redis.Nil } //nolint:errorlint // see above

// code returns the first word of a server's message.
func code(message string) string {
	word, _, _ := strings.Cut(message, " ")
	return word
}

// remedies are what to do about what the server tells.
var remedies = map[string]string{
	"OOM":         "the server is full: raise maxmemory, or let tokens live shorter; revocations still pass",
	"READONLY":    "the server is a replica: wait for the failover to end, or name the master",
	"LOADING":     "the server is loading its data: wait",
	"MASTERDOWN":  "the replica has lost its master: wait for the failover",
	"CLUSTERDOWN": "the cluster has no master for this slot: wait for the failover, or repair it",
	"TRYAGAIN":    "the slot is being moved: wait",
	"MOVED":       "the slot has moved and the cluster's nodes disagree: wait",
	"ASK":         "the slot is being moved: wait",
	"NOREPLICAS":  "the server has fewer replicas than min-replicas-to-write: start them; nothing was written",
	"MISCONF":     "the server cannot write its snapshot to disk: look at its log; nothing was written",
	"BUSY":        "the server is running a script for too long: look for a slow one, SCRIPT KILL or FUNCTION KILL ends it",
	"NOSCRIPT":    "the server forgot a script at once: look for a SCRIPT FLUSH in a loop",
	"NOAUTH":      "the server wants a password: set it in the URL or the client's options",
	"WRONGPASS":   "the user or password is wrong: set them in the URL or the client's options",
	"NOPERM":      "the user's ACL forbids this: docs/operating-redis.md has the least rights of writers, verifiers and followers",
	"UNBLOCKED":   "the server changed its role during the call: try again",
	"DENIED":      "the server is in protected mode: give it a password, or bind it where the client is",
	"NOPROTO":     "the server does not speak the protocol asked for: use Redis 7.0 or later, or Valkey",
}

// errDenied is what an ACL forbids.
var errDenied = fmt.Errorf("NOPERM: %s", remedies["NOPERM"])

// translate turns an error of go-redis into one of the contract. What the server told is named by its code alone, since
// the message may repeat what was sent.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := endOf(ctx, err); ended != nil {
		return ended
	}
	for _, ours := range []error{store.ErrUnavailable, store.ErrIndeterminate, store.ErrCorrupt, store.ErrInvalid, store.ErrClosed} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if strings.Contains(err.Error(), "all sentinels") { // it may wrap what one of them told
		return fmt.Errorf("%w: no sentinel tells the master: check their addresses, the name that they give it, and sentinel_password", store.ErrUnavailable)
	}
	if message, told := asServer(err); told {
		return ofServer(message)
	}
	return unreachable(err)
}

// phrases are what the server tells in more than its first word, and what to do about it.
var phrases = []struct{ part, remedy string }{
	{"max number of clients", "the server has as many connections as it allows: raise maxclients, or lower the pools"},
	{"DB index is out of range", "the server has no database of this number: use a lower one, or raise databases in redis.conf"},
	{"cluster support disabled", "the server is no cluster: use redis:// or redis+sentinel://"},
}

func ofServer(message string) error {
	switch word := code(message); {
	case word == "JETONCLOCK":
		return fmt.Errorf("%w: the server's shows no year from 1970 to 2199: set it", store.ErrClock)
	case word == "JETONCORRUPT":
		what, _, _ := strings.Cut(strings.TrimPrefix(message, word+" "), " script: ")
		return fmt.Errorf("%w: %s: see docs/keys.md for what belongs there", store.ErrCorrupt, what)
	case word == "NOPERM", strings.Contains(message, "executing the script can't"): // an ACL, as a script meets it
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errDenied)
	case remedies[word] != "":
		return fmt.Errorf("%w: %s: %s", store.ErrUnavailable, word, remedies[word])
	case word == "WRONGTYPE", strings.Contains(message, "user_script"), strings.Contains(message, "user_function"):
		return fmt.Errorf("%w: under one of the keyspace's keys stands a foreign or damaged value: see docs/keys.md for what belongs there", store.ErrCorrupt)
	}
	for _, p := range phrases {
		if strings.Contains(message, p.part) {
			return fmt.Errorf("%w: %s", store.ErrUnavailable, p.remedy)
		}
	}
	if word := code(message); strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && word != "" {
		return fmt.Errorf("%w: the server answered %s: its log tells more", store.ErrUnavailable, word)
	}
	return fmt.Errorf("%w: the server answered with an error: its log tells more", store.ErrUnavailable)
}

// unreachable tells a connection's error. Addresses are no secrets; what a parser of replies repeats of its input may be,
// so that only what the system and TLS say is kept.
func unreachable(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%w: the server's name does not resolve: check the host", store.ErrUnavailable)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%w: cannot connect to %v: start the server, or check host and port: %w", store.ErrUnavailable, op.Addr, op.Err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: the server did not answer in time: look at its load; if it never answers, check redis against rediss", store.ErrUnavailable)
	case errors.Is(err, redis.ErrPoolTimeout):
		return fmt.Errorf("%w: no connection of the pool became free in time: raise PoolSize, or look for what holds them", store.ErrUnavailable)
	case errors.Is(err, redis.ErrClosed):
		return fmt.Errorf("%w: the client was closed: close the store first", store.ErrUnavailable)
	case isTLS(err):
		return fmt.Errorf("%w: TLS: the server's certificate or protocol does not fit: check rediss against redis, and the ca parameter: %w", store.ErrUnavailable, err)
	case op != nil:
		return fmt.Errorf("%w: the connection failed: %w", store.ErrUnavailable, op)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the server closed the connection: if it always does, check that it is Redis, and redis against rediss: %w", store.ErrUnavailable, io.EOF)
	}
	return fmt.Errorf("%w: what answers there does not speak as Redis does: check host and port, and redis against rediss", store.ErrUnavailable)
}

func isTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "tls:") || strings.Contains(text, "x509:")
}

// endOf returns the context's error where err is its consequence: a connection's deadline may fire just before it.
func endOf(ctx context.Context, err error) error {
	ctx = callers(ctx)
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if end, ok := ctx.Deadline(); ok && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)) && !now().Before(end) {
		return context.DeadlineExceeded
	}
	return nil
}
