package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jetonkit/jeton/store"
)

// durationForm is what a duration looks like: Go's form without a sign, or whole days.
const durationForm = `^([0-9]+d|([0-9]+(\.[0-9]+)?(h|m|s|ms))+)$`

// timeForm is what a time looks like (RFC 3339).
const timeForm = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`

var (
	durationRE = regexp.MustCompile(durationForm)
	timeRE     = regexp.MustCompile(timeForm)
	numberRE   = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
)

// flaw is what is wrong with a value. The zero flaw is none.
type flaw struct{ problem, remedy string }

// fromText reads a variable's value.
func (e *entry) fromText(text string, a *alias) (any, flaw) {
	if a != nil && a.unit > 0 {
		return e.fromCount(text, a.unit)
	}
	switch e.kind {
	case numberKind:
		return e.number(text)
	case durationKind:
		return e.duration(text)
	case choiceKind:
		return e.choice(text)
	case flagKind:
		return boolean(text)
	case timeKind:
		return e.time(text)
	case listKind:
		list := strings.Split(text, ",")
		for n := range list {
			list[n] = strings.TrimSpace(list[n])
		}
		return list, emptyPart(list)
	case textKind, secretKind, pathKind, keysKind:
	}
	return text, flaw{}
}

// fromNode reads a value of a file.
func (e *entry) fromNode(n *yaml.Node) (any, flaw) {
	if e.kind == listKind {
		return listOf(n)
	}
	if n.Kind != yaml.ScalarNode {
		return nil, e.wrongType()
	}
	switch n.Tag {
	case "!!null":
		return nil, flaw{"has no value", "give it one, or remove the key"}
	case "!!binary":
		return nil, flaw{"has a tag", "write the value without one"}
	}
	tag := map[kind]string{numberKind: "!!int", flagKind: "!!bool"}[e.kind]
	if n.Tag != tag && (tag != "" || !isText(n)) {
		return nil, e.wrongType()
	}
	v, f := e.fromText(n.Value, nil)
	if s, ok := v.(string); ok && s == "" {
		return nil, flaw{"is empty", "give it a value, or remove the key"}
	}
	return v, f
}

func (e *entry) wrongType() flaw {
	switch e.kind {
	case secretKind, pathKind:
		return flaw{"is not a text", e.form()}
	case flagKind:
		return noFlag
	case textKind, choiceKind, durationKind, numberKind, listKind, keysKind, timeKind:
	}
	return flaw{"is not a " + kindNames[e.kind], e.form()}
}

// isText reports whether a scalar is a text for YAML 1.2; the library still takes some dates for more.
func isText(n *yaml.Node) bool { return n.Tag == "!!str" || n.Tag == "!!timestamp" }

// form says how to write a value.
func (e *entry) form() string {
	switch e.kind {
	case numberKind:
		return fmt.Sprintf("write a whole number, %d to %d", e.least, e.most)
	case durationKind:
		return "write a number with a unit: 90s, 15m, 24h, 30d"
	case choiceKind:
		return "write " + oneOf(e.choices)
	case timeKind:
		return "write it as 2026-11-22T12:00:00Z"
	case textKind, secretKind, pathKind, flagKind, listKind, keysKind:
	}
	return "write a text, in quotes where it looks like a number"
}

func (e *entry) number(text string) (any, flaw) {
	if !numberRE.MatchString(text) {
		return nil, flaw{"is not a whole number", e.form()}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < e.least || n > e.most {
		return nil, flaw{"is out of range", e.form()}
	}
	return n, flaw{}
}

func (e *entry) fromCount(text string, unit time.Duration) (any, flaw) {
	if !numberRE.MatchString(text) {
		return nil, flaw{"is not a whole number", "write the number of " + map[time.Duration]string{time.Minute: "minutes", time.Second: "seconds"}[unit]}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > int(e.longest/unit) {
		return nil, e.outside()
	}
	return e.within(time.Duration(n) * unit)
}

func (e *entry) duration(text string) (any, flaw) {
	if !durationRE.MatchString(text) {
		return nil, flaw{"is not a duration", e.form()}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n > int(e.longest/day) {
			return nil, e.outside()
		}
		return e.within(time.Duration(n) * day)
	}
	d, err := time.ParseDuration(text)
	if err != nil { // it has the form: it is too large
		return nil, e.outside()
	}
	return e.within(d)
}

func (e *entry) time(text string) (any, flaw) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || !timeRE.MatchString(text) || at.Year() < 1970 {
		return nil, flaw{"is not a time", e.form()}
	}
	return at.UTC(), flaw{}
}

// within judges a duration. Zero turns something off where it may, and that is negative in the options.
func (e *entry) within(d time.Duration) (any, flaw) {
	switch {
	case d == 0 && e.off:
		return time.Duration(-1), flaw{}
	case d < e.shortest || d > e.longest:
		return nil, e.outside()
	}
	return d, flaw{}
}

func (e *entry) outside() flaw {
	return flaw{"is out of range", fmt.Sprintf("use %s to %s", inWords(e.shortest), inWords(e.longest))}
}

// inWords returns a duration as a file has it.
func inWords(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	for _, tail := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, tail) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func (e *entry) choice(text string) (any, flaw) {
	n := slices.Index(e.choices, text)
	if n < 0 {
		return nil, flaw{"is not a known word", e.form()}
	}
	if e.path == "issuer.limit.policy" {
		return store.Policy(n), flaw{} //nolint:gosec // an index of a short list
	}
	return text, flaw{}
}

var noFlag = flaw{"is neither true nor false", "write one of them"}

func boolean(text string) (any, flaw) {
	if text != "true" && text != "false" {
		return nil, noFlag
	}
	return text == "true", flaw{}
}

const listForm = "write a list of texts: [one, two]"

func listOf(n *yaml.Node) (any, flaw) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, flaw{"is not a list of texts", listForm}
	}
	var list []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || !isText(item) {
			return nil, flaw{"has a part that is not a text", listForm}
		}
		list = append(list, item.Value)
	}
	return list, emptyPart(list)
}

func emptyPart(list []string) flaw {
	if slices.Contains(list, "") {
		return flaw{"has an empty part", "give each a name, or remove it"}
	}
	return flaw{}
}

// oneOf lists words: "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
