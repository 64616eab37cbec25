package redisstore

import (
	"context"
	"crypto/sha1" //nolint:gosec // EVALSHA names scripts by it
	"embed"
	"encoding/hex"
	"strings"
)

//go:embed lua/*.lua
var sources embed.FS

// script is what the server does in one step. A verb has two forms of one text: a function of the library, which the server
// keeps ready, and a script, which makes all that the verb stands on anew with every call, and which every server takes.
type script struct {
	function  string // its name in the library; empty for what is a script alone
	text, sha string // of the script
}

// What the verbs stand on, and the verbs. What shortens a life passes on a full server; what only adds does not.
var (
	common    = source("base", "head", "record", "reading", "bar", "finish")
	verbFlags = []struct{ name, flags string }{
		{"issue", ""},
		{"update", ""},
		{"touch", ""},
		{"genesis", ""},
		{"rotate", allowOOM},
		{"revoke", allowOOM},
		{"all", allowOOM},
		{"others", allowOOM},
	}
)

const allowOOM = "allow-oom"

// library is what FUNCTION LOAD takes, and scripts are its verbs. It is named by its text: processes of another release
// bring their own, and neither replaces the other's.
var library, scripts = assemble()

var (
	issueScript   = scripts["issue"]
	updateScript  = scripts["update"]
	touchScript   = scripts["touch"]
	genesisScript = scripts["genesis"]
	rotateScript  = scripts["rotate"]
	revokeScript  = scripts["revoke"]
	allScript     = scripts["all"]
	othersScript  = scripts["others"]
	pollScript    = newScript(source("poll"))
	pollsScript   = newScript(source("polls"))
	glanceScript  = newScript(source("glance"))
)

// unnamed stands for the library's name in its text, which the name is made from: flags count as much as code.
const unnamed = "jeton_unnamed"

func assemble() (text string, scripts map[string]*script) {
	scripts = map[string]*script{}
	var registered string
	text = "#!lua name=" + unnamed + "\n" + common
	for _, v := range verbFlags {
		shebang, flags := "#!lua\n", ""
		if v.flags != "" {
			shebang, flags = "#!lua flags="+v.flags+"\n", "'"+v.flags+"'"
		}
		scripts[v.name] = newScript(shebang + common + source(v.name) + "begin(KEYS, ARGV)\nreturn " + v.name + "()\n")
		text += source(v.name)
		registered += "redis.register_function{function_name = '" + unnamed + "_" + v.name + "', flags = {" + flags + "}, callback = function(keys, given)\n" +
			"  begin(keys, given)\n  return " + v.name + "()\nend}\n"
	}
	text += registered
	name := "jeton_" + digest(text)[:16]
	for verb, s := range scripts {
		s.function = name + "_" + verb
	}
	return strings.ReplaceAll(text, unnamed, name), scripts
}

func newScript(text string) *script { return &script{text: text, sha: digest(text)} }

func digest(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // EVALSHA names scripts by it
	return hex.EncodeToString(sum[:])
}

// source joins files.
func source(names ...string) string {
	var all strings.Builder
	for _, name := range names {
		b, err := sources.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err) // it is embedded
		}
		all.Write(b)
	}
	return all.String()
}

// form is how a script is sent.
type form int

const (
	called form = iota // FCALL: the server has the library, as a rule
	loaded             // FCALL behind FUNCTION LOAD
	bySHA              // EVALSHA: this user may not load, or there is a script alone
	byText             // EVAL
)

// form is how a call of a script is sent at first.
func (s *Store) form(sc *script) form {
	if sc == nil || sc.function == "" || s.scripted.Load() {
		return bySHA
	}
	return called
}

// command is the command that runs a script. args begin with two empty places.
func (sc *script) command(ctx context.Context, f form, args []any) once {
	switch f {
	case bySHA:
		args[0], args[1] = "evalsha", sc.sha
	case byText:
		args[0], args[1] = "eval", sc.text
	default:
		args[0], args[1] = "fcall", sc.function
	}
	return command(ctx, args...)
}

// unknown says how to go on where a server told that it does not know a script, or that this user may not call one. A library
// that does not load, on a full server for one, must not stand in the way of a revocation.
func (t *try) unknown(message string) (again bool) {
	missing := strings.Contains(message, "Function not found")
	switch {
	case t.form == bySHA && code(message) == "NOSCRIPT":
		t.form = byText
	case t.form == called && missing:
		t.form = loaded
	case t.form == loaded && missing:
		why, told := asServer(t.load.Err())
		t.form, t.barred = bySHA, told && denied(why, "function")
	case t.form <= loaded && denied(message, "fcall"):
		t.form, t.barred = bySHA, true
	default:
		return false
	}
	return true
}

// denied reports whether a server refuses a command to this user, or has none such.
func denied(message, command string) bool {
	message = strings.ToLower(message)
	return (strings.HasPrefix(message, "noperm") || strings.Contains(message, "unknown command")) && strings.Contains(message, "'"+command)
}

// script is told that scripts run where functions are barred: it tries no more functions.
func (s *Store) script(ctx context.Context) {
	if !s.scripted.Swap(true) {
		s.o.Logger.WarnContext(ctx, "jeton: this user may not load or call functions: writes run as scripts, which take the server half as long again; allow FCALL and FUNCTION LOAD")
	}
}
