package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
)

// place is where sessions can be kept: what -store takes.
type place struct {
	scheme string
	// url starts a server, where there is one, and returns the URL of a keyspace that is the test's own. Where the server is
	// not on this machine the test is skipped, or fails in CI.
	url func(t *testing.T) string
	// second is what the second process over the same place is: alone, refused, or one of many.
	second second
}

type second string

const (
	alone   second = "it has sessions of its own"
	refused second = "it is refused"
	shared  second = "it shares all sessions"
)

// patience lets a server on a busy machine answer late: these tests are not about deadlines.
const patience = "dial_timeout=5s&read_timeout=10s&timeout=20s"

// places are all schemes of store/all.
var places = []place{
	{"memory", func(*testing.T) string { return "memory://" }, alone},
	{"bolt", func(*testing.T) string { return "bolt:sessions.bolt" }, refused},
	{"redis", func(t *testing.T) string {
		return testenv.SharedRedis(t).URL() + "?" + patience + "&prefix=" + testenv.Prefix(t)
	}, shared},
	{"rediss", func(t *testing.T) string {
		s := testenv.SharedRedis(t, testenv.TLS())
		return s.URL() + "?" + patience + "&prefix=" + testenv.Prefix(t) + "&ca=" + s.CAFile()
	}, shared},
	{"redis+cluster", func(t *testing.T) string {
		addrs := testenv.SharedCluster(t).Addrs()
		return "redis+cluster://" + addrs[0] + "?" + patience + "&prefix=" + testenv.Prefix(t) + "&addrs=" + strings.Join(addrs[1:], ",")
	}, shared},
	{"redis+sentinel", func(t *testing.T) string {
		s := testenv.RedisSentinel(t)
		return "redis+sentinel://" + s.Addrs()[0] + "?" + patience + "&master=" + s.Name + "&addrs=" + strings.Join(s.Addrs()[1:], ",")
	}, shared},
	{"memcache", func(t *testing.T) string {
		return "memcache://" + testenv.SharedMemcached(t).Addr() + "?timeout=20s&prefix=" + testenv.Prefix(t)
	}, shared},
}

// files write a jeton.yaml, and what it names, into a directory.
var files = map[string]func(t *testing.T, dir string){
	"bolt and an Ed25519 key": func(t *testing.T, dir string) {
		check(t, makeKey(filepath.Join(dir, "signing.pem")))
		write(t, dir, "jeton.yaml", `
store: {url: "bolt:sessions.bolt"}
key: {algorithm: EdDSA, secret_file: signing.pem}
issuer: {name: https://auth.example.com, access_ttl: 10m, limit: {max: 5}}
`)
	},
	"redis with a password and a shared secret": func(t *testing.T, dir string) {
		server := testenv.Redis(t, testenv.Password("hunter2"))
		write(t, dir, "redis.password", "hunter2\n")
		write(t, dir, ".secrets", "JETON_KEY_SECRET=hunter2-hunter2-hunter2-hunter2-hunter2\n")
		write(t, dir, "jeton.yaml", `
store: {url: "redis://`+server.Addr()+`/0", password_file: redis.password}
issuer: {name: https://auth.example.com}
`)
	},
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}
