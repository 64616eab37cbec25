package redisstore

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestLibrary: every verb is in the library under its text's name, so that two releases never replace each other's.
func TestLibrary(t *testing.T) {
	first, _, _ := strings.Cut(library, "\n")
	name := strings.TrimPrefix(first, "#!lua name=")
	for _, v := range verbFlags {
		sc := scripts[v.name]
		if sc.function != name+"_"+v.name {
			t.Errorf("%s is called %s in the library %s", v.name, sc.function, name)
		}
		at := strings.Index(library, "function_name = '"+sc.function+"'")
		if at < 0 {
			t.Fatalf("%s is not registered", v.name)
		}
		line, _, _ := strings.Cut(library[at:], "\n")
		if strings.Contains(line, allowOOM) != (v.flags == allowOOM) || strings.HasPrefix(sc.text, "#!lua flags=allow-oom\n") != (v.flags == allowOOM) {
			t.Errorf("%s does not have its flags in both forms", v.name)
		}
	}
	if name != "jeton_"+digest(strings.ReplaceAll(library, name, unnamed))[:16] { // all of it: of flags that change too
		t.Errorf("the library's name %s is not that of its text", name)
	}
}

// TestUnknownScripts: what follows each answer of a server that does not know a script, or refuses it.
func TestUnknownScripts(t *testing.T) {
	const missing = "ERR Function not found"
	for _, c := range []struct {
		name    string
		form    form
		message string
		load    string // the answer to FUNCTION LOAD
		want    form
		again   bool
		barred  bool
	}{
		{"a missing function is loaded", called, missing, "", loaded, true, false},
		{"a full server loads nothing: this call is a script", loaded, missing, "OOM command not allowed", bySHA, true, false},
		{"a user who may not load", loaded, missing, "NOPERM User joe has no permissions to run the 'function|load' command", bySHA, true, true},
		{"a user who may not call", called, "NOPERM User joe has no permissions to run the 'fcall' command", "", bySHA, true, true},
		{"the same, as 7.0 says it", called, "NOPERM this user has no permissions to run the 'fcall' command", "", bySHA, true, true},
		{"a server without functions", called, "ERR unknown command 'FCALL', with args beginning with:", "", bySHA, true, true},
		{"a key that is denied is no matter of functions", called, "NOPERM No permissions to access a key", "", called, false, false},
		{"an unknown script is sent in full", bySHA, "NOSCRIPT No matching script.", "", byText, true, false},
		{"and that only once", byText, "NOSCRIPT No matching script.", "", byText, false, false},
		{"what a script does not find is its own error", bySHA, missing, "", bySHA, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := &try{call: call{script: touchScript}, form: c.form, load: redis.NewCmd(t.Context())}
			if c.load != "" {
				tr.load.SetErr(told(c.load))
			}
			if again := tr.unknown(c.message); again != c.again || tr.form != c.want || tr.barred != c.barred {
				t.Errorf("again %v, form %v, barred %v", again, tr.form, tr.barred)
			}
		})
	}
}
