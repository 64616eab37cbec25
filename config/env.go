package config

import (
	"cmp"
	"regexp"
	"strings"
)

// variable is one NAME=value.
type variable struct {
	name, value string
	line        int
}

// environ splits what os.Environ returns. Where a name comes twice the last one counts, as a child process sees it.
func environ(list []string) []variable {
	var out []variable
	at := map[string]int{}
	for _, text := range list {
		name, value, _ := strings.Cut(text, "=")
		if n, twice := at[name]; twice {
			out[n].value = value
			continue
		}
		at[name] = len(out)
		out = append(out, variable{name: name, value: value})
	}
	return out
}

// appEnv is the variable that chooses a .env file.
const appEnv = "APP_ENV"

var appEnvRE = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// readDotenv reads a file of variables beside the configuration; there need not be one.
func (l *loader) readDotenv(at origin) {
	data, f := readFile(at.file)
	if f.problem == "does not exist" {
		return
	}
	if f != (flaw{}) {
		l.wrong.add(at, "the file", f.problem, f.remedy)
		return
	}
	l.variables(at, l.dotenv(at, string(data)))
}

// dotenv reads lines of NAME=value, with comments, an export before the name, and quotes around the value: literal in single
// ones, with \n \" \\ in double ones. Nothing is expanded. No library does it: the known one repeats values in its errors.
func (l *loader) dotenv(at origin, text string) []variable {
	var out []variable
	lines := map[string]bool{}
	for n, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		at.line = n + 1
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "=")
		name = strings.TrimSpace(name)
		value, closed := unquote(strings.TrimSpace(rest))
		switch {
		case !ok || !nameRE.MatchString(name):
			l.wrong.add(at, "the line", "is not NAME=value", "correct it, or begin it with # to leave it out")
		case !closed:
			if !l.isOurs(name) {
				name = "the line" // it may be half of somebody's secret
			}
			l.wrong.add(at, name, "has a quote that does not end", "close it on the same line; write \\n for a new line in double quotes")
		case lines[name] && l.isOurs(name):
			l.wrong.add(at, name, "is given twice", "remove one")
		default:
			lines[name] = true
			out = append(out, variable{name: name, value: value, line: n + 1})
		}
	}
	return out
}

var commentRE = regexp.MustCompile(`[ \t]#`)

var nameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// unquote returns the value of a line, and whether its quotes are closed.
func unquote(text string) (string, bool) {
	if text == "" || (text[0] != '\'' && text[0] != '"') {
		if at := commentRE.FindStringIndex(text); at != nil {
			text = text[:at[0]]
		}
		if strings.HasPrefix(text, "#") {
			return "", true
		}
		return strings.TrimSpace(text), true
	}
	var b strings.Builder
	for n := 1; n < len(text); n++ {
		switch c := text[n]; {
		case c == text[0]:
			tail := strings.TrimSpace(text[n+1:])
			return b.String(), tail == "" || tail[0] == '#'
		case c == '\\' && text[0] == '"' && n+1 < len(text):
			n++
			b.WriteString(strings.NewReplacer("n", "\n").Replace(text[n : n+1]))
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// variables takes those that are ours. An empty value is none: compose files pass variables that are not set so.
func (l *loader) variables(at origin, list []variable) {
	for _, v := range list {
		at.name, at.line = v.name, v.line
		e, a := byName(v.name)
		switch {
		case strings.HasPrefix(v.name, prefix+"PREVIOUS_KEYS"), strings.HasPrefix(v.name, prefix+"NEXT_KEYS"):
			name := strings.ToLower(v.name[len(prefix):strings.Index(v.name, "KEYS")]) + "keys"
			l.wrong.add(at, "", "is no variable: a list of keys has none", "give "+name+" in the file, and their secrets as files")
		case e == nil && l.isOurs(v.name):
			bad := at
			bad.name = shown(v.name)
			l.wrong.add(bad, "", "is unknown", "the nearest variable is "+meant(v.name))
		case a != nil && e.path == "redis.port" && strings.HasPrefix(v.value, "tcp://"): // Kubernetes', for a service called redis
		case e != nil && v.value != "":
			l.accept(e, l.given, input{text: v.value, alias: a, at: at})
		}
	}
}

// byName returns the entry that a variable sets, and the alias if it was named by one.
func byName(name string) (*entry, *alias) {
	for _, entries := range [][]entry{table, redisParts} {
		for n := range entries {
			e := &entries[n]
			if e.env() == name {
				return e, nil
			}
			for i := range e.aliases {
				if e.aliases[i].name == name {
					return e, &e.aliases[i]
				}
			}
		}
	}
	return nil, nil
}

func envNames() []string {
	var names []string
	for n := range table {
		if name := table[n].env(); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// isOurs reports whether a variable is meant for this package: one that it knows, and one that begins with JETON_ and goes on
// with a group's name, with the end of a key's, as JETON_ACCESS_TTL does, or with another system's name, or is a typing mistake
// away from one. Others may begin with JETON_ too: Kubernetes makes JETON_PORT for a service called jeton.
func (l *loader) isOurs(name string) bool {
	if e, _ := byName(name); e != nil {
		return true
	}
	rest, ok := strings.CutPrefix(strings.ToUpper(name), prefix)
	if !ok || kubernetesRE.MatchString(rest) {
		return false
	}
	group, _, _ := strings.Cut(rest, "_")
	if isGroup(strings.ToLower(group)) || shortFor(rest) != "" {
		return true
	}
	_, edits := nearest(name, envNames())
	return edits <= 2
}

// kubernetesRE matches the ends of the variables that Kubernetes and Docker make for each service.
var kubernetesRE = regexp.MustCompile(`(^|_)(SERVICE_(HOST|PORT)(_.*)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// meant returns the name that is nearest to an unknown variable's.
func meant(name string) string {
	if full := shortFor(strings.TrimPrefix(strings.ToUpper(name), prefix)); full != "" {
		return full
	}
	best, _ := nearest(name, envNames())
	return best
}

// shortFor returns the variable that a name without the prefix stands for: one that ends with it, where it has two words or
// more, or one that has it as another name, or that name itself where only it is a variable. It is empty for none.
func shortFor(rest string) string {
	if e, a := byName(rest); a != nil {
		return cmp.Or(e.env(), rest)
	}
	for _, full := range envNames() {
		if strings.Contains(rest, "_") && strings.HasSuffix(full, "_"+rest) {
			return full
		}
	}
	return ""
}
