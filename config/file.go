package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is the largest file that is read, of any sort. A configuration has a few kilobytes.
const maxFile = 64 << 10

// readFile reads a file. What is wrong with it is told without its path, which may be a secret in the wrong place.
func readFile(path string) ([]byte, flaw) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(data) > maxFile:
		return nil, flaw{"is a file of more than 64 KiB", "check the path"}
	}
	return data, flaw{}
}

func unreadable(err error) flaw {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return flaw{"does not exist", "check the path; a relative one in a configuration begins at the configuration's directory"}
	case errors.Is(err, fs.ErrPermission):
		return flaw{"cannot be read: permission denied", "let the service's user read it"}
	}
	return flaw{"cannot be read", "check that it is a file"}
}

// inputs are what was given for each path.
type inputs map[string][]input

// input is a value as it was given for one key.
type input struct {
	value any // read already, of a file
	text  string
	alias *alias
	entry *entry // it may be the one that names a file
	at    origin
}

// readYAML reads the YAML file.
func (l *loader) readYAML(path string) {
	at := origin{layer: yamlLayer, file: path}
	data, f := readFile(path)
	if f != (flaw{}) {
		l.refused[""] = true
		l.wrong.add(at, "the file", f.problem, f.remedy)
		return
	}
	root, ok := l.parse(at, data)
	if !ok {
		return
	}
	if f, line := plain(root); line > 0 {
		at.line = line
		l.refused[""] = true
		l.wrong.add(at, "the file", f.problem, f.remedy)
		return
	}
	l.walk(section{at: at, into: l.given}, root)
}

// parse returns the one document of a file. It stays a tree: decoding would lose the lines and stop at the first mistake.
func (l *loader) parse(at origin, data []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, second yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) { // nothing in it: the environment may have all
		return nil, false
	}
	l.refused[""] = true
	if err == nil {
		if err = decoder.Decode(&second); errors.Is(err, io.EOF) {
			delete(l.refused, "")
			return doc.Content[0], true
		}
		if err == nil {
			at.line = second.Line
			l.wrong.add(at, "the file", "has a second document", "keep one, without a line of ---")
			return nil, false
		}
	}
	if strings.Contains(err.Error(), "unknown anchor") { // the one error that repeats a text
		l.wrong.add(at, "the file", anchored.problem, anchored.remedy)
		return nil, false
	}
	at.line = lineOf(err)
	l.wrong.add(at, "the file", "is not YAML", "check indentation, colons and quotes here and just above; quote a value that begins with one of % @ `")
	return nil, false
}

var lineRE = regexp.MustCompile(`\bline (\d+)`)

// lineOf returns the line of a syntax error. The rest of its text may repeat what stands there.
func lineOf(err error) int {
	m := lineRE.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // digits; 0 if there are too many
	return n
}

var anchored = flaw{"has an anchor or an alias", "write the value out, and quote one that begins with & or *"}

// plain looks for anchors, aliases and tags of one's own: they can blow a file up, and nothing here needs them. It returns
// the first and its line, 0 for none.
func plain(n *yaml.Node) (flaw, int) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return anchored, n.Line
	case !strings.HasPrefix(n.Tag, "!!"):
		return flaw{"has a tag of its own", "write the value without it, and quote one that begins with !"}, n.Line
	}
	for _, child := range n.Content {
		if f, line := plain(child); line > 0 {
			return f, line
		}
	}
	return flaw{}, 0
}

// section is a mapping of the file: its path in the table, its path as the file has it, and where its values go.
type section struct {
	at           origin
	group, label string
	into         inputs
	retired      bool // it may have retired_at
}

// find returns the entry of a name in a section, nil for none.
func (s section) find(name string) *entry {
	if path := s.group + name; !s.retired || path != retiredAt.path {
		return find(path)
	}
	return &retiredAt
}

// walk reads a mapping.
func (l *loader) walk(s section, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // a group whose keys are all commented out
	}
	s.at.line = n.Line
	if n.Kind != yaml.MappingNode {
		label := strings.TrimSuffix(s.label, ".")
		l.refused[label] = true
		l.wrong.add(s.at, cmp.Or(label, "the file"), "is not a mapping", "write its keys as key: value, a line each, indented alike")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		s.at.line = key.Line
		if line, twice := seen[key.Value]; twice {
			l.wrong.add(s.at, s.label+shown(key.Value), "is given twice", fmt.Sprintf("remove one; the first is on line %d", line))
			continue
		}
		seen[key.Value] = key.Line
		l.pair(s, key.Value, value)
	}
}

// pair reads one key of a mapping with what stands behind it.
func (l *loader) pair(s section, name string, value *yaml.Node) {
	path, label := s.group+name, s.label+name
	e := s.find(name)
	switch {
	case strings.Contains(name, ".") && (e != nil || isGroup(path)):
		l.wrong.add(s.at, label, "is unknown", "write each part on a line of its own, the last one indented below the first")
	case e == nil && isGroup(path):
		l.walk(section{at: s.at, group: path + ".", label: label + ".", into: s.into}, value)
	case e == nil:
		l.unknown(s, name)
	case e.kind == keysKind:
		l.keys(s, label, value)
	default:
		v, f := e.fromNode(value)
		if f != (flaw{}) {
			l.reject(e, s.into, origin{layer: yamlLayer, file: s.at.file, line: value.Line}, label, f)
			return
		}
		l.accept(e, s.into, input{value: v, at: s.at})
	}
}

// keys reads a list of keys; each is a section of its own with the fields of key.
func (l *loader) keys(s section, label string, n *yaml.Node) {
	s.at.line = n.Line
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxKeys {
		l.refused[label] = true
		l.wrong.add(s.at, label, "is not a list of at most 16 keys", "write each key below it as - id: …")
		return
	}
	for i, item := range n.Content {
		k := listed{list: label, label: fmt.Sprintf("%s[%d].", label, i), given: inputs{}}
		s.at.line = item.Line
		k.at = s.at
		l.walk(section{at: s.at, group: "key.", label: k.label, into: k.given, retired: label == "previous_keys"}, item)
		l.listed = append(l.listed, k)
	}
}

// isGroup reports whether keys stand below a path.
func isGroup(path string) bool {
	for n := range table {
		if strings.HasPrefix(table[n].path, path+".") {
			return true
		}
	}
	return false
}

// unknown reports a key that there is not, with the nearest that there is.
func (l *loader) unknown(s section, name string) {
	var here, all []string
	for n := range table {
		if rest, ok := strings.CutPrefix(table[n].path, s.group); ok {
			first, _, _ := strings.Cut(rest, ".")
			here = append(here, first)
		}
		all = append(all, table[n].path)
	}
	if s.retired {
		here = append(here, strings.TrimPrefix(retiredAt.path, s.group))
	}
	best, edits := nearest(name, here)
	best = s.label + best
	// A key in the wrong group is nearer to one elsewhere.
	if s.label == s.group {
		for _, full := range all {
			if last := full[strings.LastIndex(full, ".")+1:]; edits > 0 && distance(name, last) < min(edits, 3) {
				best, edits = full, distance(name, last)
			}
		}
	}
	if edits <= 2 { // it was meant, and is not missing too
		l.refused[best] = true
	}
	l.wrong.add(s.at, s.label+shown(name), "is unknown", "the nearest key is "+best)
}
