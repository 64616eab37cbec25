package config

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Load reads a configuration from the YAML file at path, from .env.NAME and .secrets beside it, and from the environment;
// the package's text says what wins. An empty path means no YAML file, and the working directory for the other files.
//
// The error has every mistake, an [Error] each, joined by [errors.Join]. There is no Config with an error.
func Load(ctx context.Context, path string) (*Config, error) {
	return load(ctx, path, os.Environ())
}

func load(ctx context.Context, path string, env []string) (*Config, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := &loader{dir: filepath.Dir(path), given: inputs{}, refused: refusals{}}
	if path == "" {
		l.dir = "."
	} else {
		l.readYAML(path)
	}
	vars := environ(env)
	l.overlays(vars)
	l.variables(origin{layer: environLayer, file: "environment"}, vars)
	c := l.resolve(path)
	l.wrong = append(l.wrong, c.check(l.refused)...)
	if err := l.wrong.join(); err != nil {
		return nil, err
	}
	return c, nil
}

// loader gathers what was given, and what is wrong with it.
type loader struct {
	dir    string
	given  inputs
	listed []listed
	wrong  mistakes
	// refused are the paths of values that were refused, which are not missing too.
	refused refusals
}

// refusals are the paths of values, of groups, or with "" of the whole file that were refused.
type refusals map[string]bool

// has reports whether a path was refused, by itself or with what it stands in.
func (r refusals) has(path string) bool {
	for !r[path] {
		n := strings.LastIndexAny(path, ".[")
		if n < 0 {
			return r[""]
		}
		path = path[:n]
	}
	return true
}

// listed is a key of one of the lists, unresolved.
type listed struct {
	list, label string
	given       inputs
	at          origin
}

// overlays reads .env.NAME and .secrets.
func (l *loader) overlays(vars []variable) {
	for _, v := range vars {
		switch {
		case v.name != appEnv || v.value == "":
		case !appEnvRE.MatchString(v.value): // it becomes part of a path
			l.wrong.add(origin{file: "environment", name: appEnv}, "", "is not a plain name", "use letters, digits, - and _, at most 64")
		default:
			l.readDotenv(origin{layer: dotenvLayer, file: filepath.Join(l.dir, ".env."+v.value)})
		}
	}
	l.readDotenv(origin{layer: secretsLayer, file: filepath.Join(l.dir, ".secrets")})
}

// slot is the path that an entry's value is kept under: a file stands for what it holds.
func (e *entry) slot() string {
	if e.fileOf != "" {
		return e.fileOf
	}
	return e.path
}

func (l *loader) accept(e *entry, into inputs, in input) {
	in.entry = e
	into[e.slot()] = append(into[e.slot()], in)
}

// reject reports a value that cannot be used.
func (l *loader) reject(e *entry, into inputs, at origin, label string, f flaw) {
	l.wrong.add(at, label, f.problem, f.remedy)
	into[e.slot()] = append(into[e.slot()], input{entry: e, at: origin{layer: -1}}) // given, and of no use
}

// resolve makes a Config of what was given.
func (l *loader) resolve(path string) *Config {
	c := &Config{aliases: true, file: path, from: map[string]origin{}}
	if path == "" {
		c.file = "environment"
	}
	l.fill(c, find("aliases"), "", l.given)
	for _, entries := range [][]entry{table[1:], redisParts} {
		for n := range entries {
			l.fill(c, &entries[n], "", l.given)
		}
	}
	for _, p := range l.listed {
		k := &Config{from: map[string]origin{}}
		l.fill(k, &retiredAt, p.label, p.given)
		for n := range table {
			if strings.HasPrefix(table[n].path, "key.") {
				l.fill(k, &table[n], p.label, p.given)
			}
		}
		keys, ok := find(p.list).field(c).(*[]Key)
		if !ok {
			panic("config: a list of keys that is none")
		}
		*keys = append(*keys, k.Key)
		for name, at := range k.from {
			c.from[p.label+strings.TrimPrefix(name, "key.")] = at
		}
		c.from[strings.TrimSuffix(p.label, ".")] = p.at
	}
	l.redis(c)
	return c
}

// fill sets the field of an entry to what the highest layer gives for it.
func (l *loader) fill(c *Config, e *entry, label string, given inputs) {
	if e.fileOf != "" || e.kind == keysKind { // its value is another's, or has been read
		return
	}
	shown := e.path
	if label != "" {
		shown = label + strings.TrimPrefix(e.path, "key.")
	}
	top, refused := l.pick(c, shown, given[e.path])
	if top == nil {
		l.refused[shown] = l.refused[shown] || refused
		return
	}
	if top.entry.path != e.path {
		text, f := l.secretFile(top.value.(string)) //nolint:errcheck // a path is a text
		if f != (flaw{}) {
			l.wrong.add(top.at, shown+"_file", "names a file that "+f.problem, f.remedy)
			l.refused[shown] = true
			return
		}
		top.value = text
	}
	c.from[shown] = top.at
	set(e.field(c), top.value)
}

// pick returns the one value of the highest layer; nil where there is none, and whether that is because those that were
// given are no good.
func (l *loader) pick(c *Config, shown string, list []input) (top *input, refused bool) {
	for n := range list {
		in := &list[n]
		switch {
		case in.alias != nil && !c.aliases:
			continue
		case in.at.layer < yamlLayer || !l.read(in, shown):
			refused = true
			continue
		case top == nil || in.at.layer > top.at.layer:
			top = in
		case in.at.layer == top.at.layer:
			l.compare(top, in, shown)
		}
	}
	return top, refused
}

// compare reports two values of one layer that do not agree.
func (l *loader) compare(first, second *input, shown string) {
	switch {
	case second.entry != first.entry:
		l.wrong.add(second.at, second.entry.path, "is given as a value and as a file", "keep "+first.named()+" or "+second.named())
	case !reflect.DeepEqual(second.value, first.value):
		l.wrong.add(second.at, second.entry.path, "differs from "+first.named()+", which is another name of "+shown, "keep one of them, or set aliases to false")
	}
}

// named is what a value was given by.
func (in *input) named() string {
	if in.at.name != "" {
		return in.at.name
	}
	return in.entry.path
}

// read reads the text of a variable; a value of the file has been read.
func (l *loader) read(in *input, shown string) bool {
	if in.value != nil {
		return true
	}
	v, f := in.entry.fromText(in.text, in.alias)
	if f != (flaw{}) {
		l.wrong.add(in.at, shown, f.problem, f.remedy)
		return false
	}
	in.value = v
	return true
}

// set puts a value into a field of its type.
func set(field, value any) {
	switch f := field.(type) {
	case *string:
		*f = value.(string) //nolint:errcheck // here and below: the entry's kind fits its field, a test holds it
	case *Secret:
		*f = NewSecret(value.(string)) //nolint:errcheck // as above
	case *int:
		*f = value.(int) //nolint:errcheck // as above
	case *bool:
		*f = value.(bool) //nolint:errcheck // as above
	case *time.Duration:
		*f = value.(time.Duration) //nolint:errcheck // as above
	case *[]string:
		*f = value.([]string) //nolint:errcheck // as above
	case *store.Policy:
		*f = value.(store.Policy) //nolint:errcheck // as above
	case *time.Time:
		*f = value.(time.Time) //nolint:errcheck // as above
	default:
		panic(fmt.Sprintf("config: a field of type %T", field))
	}
}

// secretFile reads a value from a file of its own.
func (l *loader) secretFile(path string) (string, flaw) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.dir, path)
	}
	data, f := readFile(path)
	if f != (flaw{}) {
		return "", f
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", flaw{"is empty", "write the value into it"}
	}
	return text, flaw{}
}

// redis makes store.url of REDIS_HOST, REDIS_PORT and REDIS_DB, where they stand in a higher layer than it.
func (l *loader) redis(c *Config) {
	defer func() { c.redis.host = "" }() // a password may stand in it, and nobody looks at one that does not win
	var at origin
	for n := range redisParts {
		if from, ok := c.from[redisParts[n].path]; ok && (at.name == "" || from.layer > at.layer) {
			at = from
		}
	}
	if at.name == "" {
		l.refused["store.url"] = l.refused["store.url"] || l.refused["redis.host"]
		return
	}
	from, given := c.from["store.url"]
	if given && from.layer > at.layer {
		return
	}
	made, ok := l.redisURL(c, at)
	switch {
	case !ok:
		l.refused["store.url"] = true
	case given && from.layer == at.layer && c.Store.URL.Reveal() != made:
		l.wrong.add(at, "", "and store.url both say where the store is", "keep one of them, or set aliases to false")
	default:
		c.Store.URL, c.from["store.url"] = NewSecret(made), at
	}
}

// redisURL returns the URL of the parts; false where they make none.
func (l *loader) redisURL(c *Config, at origin) (string, bool) {
	host := c.redis.host
	if host == "" {
		l.wrong.add(at, "", "stands without REDIS_HOST", "add REDIS_HOST, or remove it, or set aliases to false")
		return "", false
	}
	if strings.ContainsAny(host, "/@?#[] ") || (strings.Contains(host, ":") && net.ParseIP(host) == nil) {
		l.wrong.add(c.from["redis.host"], "", "is not a host's name", "write the name or address alone, and the port as REDIS_PORT")
		return "", false
	}
	port := cmp.Or(c.redis.port, 6379)
	u := url.URL{Scheme: "redis", Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/" + strconv.Itoa(c.redis.db)}
	return u.String(), true
}
