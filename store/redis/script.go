package redisstore

import (
	"crypto/sha1" //nolint:gosec // EVALSHA names scripts by it
	"embed"
	"encoding/hex"
	"strings"
)

//go:embed lua/*.lua
var sources embed.FS

// script is a Lua script that the server runs in one step.
type script struct{ text, sha string }

// The scripts. What shortens a life passes on a full server; what only adds does not.
var (
	issueScript   = assemble("", "issue", "bar")
	updateScript  = assemble("", "update")
	touchScript   = assemble("", "touch")
	genesisScript = assemble("", "genesis")
	rotateScript  = assemble("allow-oom", "rotate", "bar")
	revokeScript  = assemble("allow-oom", "revoke", "bar")
	allScript     = assemble("allow-oom", "all")
	othersScript  = assemble("allow-oom", "others", "bar")
	pollScript    = newScript(source("poll"))
)

// assemble puts a verb behind what it needs.
func assemble(flags, verb string, more ...string) *script {
	var b strings.Builder
	b.WriteString("#!lua")
	if flags != "" {
		b.WriteString(" flags=" + flags)
	}
	b.WriteByte('\n')
	parts := append([]string{"base", "head", "record", "reading"}, more...)
	if len(more) == 0 {
		b.WriteString("local barred = {}\n") // nobody is barred without package bar
	}
	for _, name := range append(parts, "finish", verb) {
		b.WriteString(source(name))
	}
	return newScript(b.String())
}

func newScript(text string) *script {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // EVALSHA names scripts by it
	return &script{text: text, sha: hex.EncodeToString(sum[:])}
}

func source(name string) string {
	b, err := sources.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}
