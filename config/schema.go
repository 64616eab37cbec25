package config

import (
	"encoding/json"
	"strings"
)

// schemaID names the schema; editors that know it need no more than a comment in the file.
const schemaID = "https://github.com/jetonkit/jeton/config/schema.json"

// node is a part of a JSON Schema, its members in the order of the struct.
type node struct {
	Schema               string           `json:"$schema,omitempty"`
	ID                   string           `json:"$id,omitempty"`
	Title                string           `json:"title,omitempty"`
	Description          string           `json:"description,omitempty"`
	Type                 any              `json:"type,omitempty"`
	Enum                 []string         `json:"enum,omitempty"`
	Pattern              string           `json:"pattern,omitempty"`
	MinLength            int              `json:"minLength,omitempty"`
	Minimum              *int             `json:"minimum,omitempty"`
	Maximum              *int             `json:"maximum,omitempty"`
	Items                *node            `json:"items,omitempty"`
	MinItems             int              `json:"minItems,omitempty"`
	MaxItems             int              `json:"maxItems,omitempty"`
	Properties           map[string]*node `json:"properties,omitempty"`
	AdditionalProperties *bool            `json:"additionalProperties,omitempty"`
	Not                  *node            `json:"not,omitempty"`
	AllOf                []*node          `json:"allOf,omitempty"`
	Required             []string         `json:"required,omitempty"`
}

// Schema returns a JSON Schema (draft 2020-12) of the YAML file, as config/schema.json has it. A file that [Load] accepts
// meets it. What it cannot say is left to Load: that something is missing, which may come from the environment, how long a
// secret or a duration is, and what does not go together.
func Schema() []byte {
	root := group("The file of github.com/jetonkit/jeton/config.")
	root.Schema, root.ID, root.Title = "https://json-schema.org/draft/2020-12/schema", schemaID, "Jeton"
	root.Type = "object,null" // an empty file; the environment may have all
	for n := range table {
		root.place(&table[n], strings.Split(table[n].path, "."))
	}
	root.finish()
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	return append(text, '\n')
}

func group(doc string) *node {
	closed := false
	return &node{Description: doc, Type: "object,null", Properties: map[string]*node{}, AdditionalProperties: &closed}
}

// place puts an entry at its place below n.
func (n *node) place(e *entry, names []string) {
	name := names[0]
	if len(names) == 1 {
		n.Properties[name] = e.schema()
		if e.fileOf != "" {
			n.AllOf = append(n.AllOf, &node{Not: &node{Required: []string{strings.TrimSuffix(name, "_file"), name}}})
		}
		return
	}
	if n.Properties[name] == nil {
		n.Properties[name] = group("")
	}
	n.Properties[name].place(e, names[1:])
}

// finish turns the types of groups, which may be left empty, into lists.
func (n *node) finish() {
	if n.Type == "object,null" {
		n.Type = []string{"object", "null"}
	}
	for _, p := range n.Properties {
		p.finish()
	}
	if n.Items != nil {
		n.Items.finish()
	}
}

// schema returns the schema of an entry's value.
func (e *entry) schema() *node {
	n := &node{Description: e.doc + " Default: " + e.def + "."}
	switch e.kind {
	case textKind, secretKind, pathKind:
		n.Type, n.MinLength = "string", 1
	case choiceKind:
		n.Type, n.Enum = "string", e.choices
	case durationKind:
		n.Type, n.Pattern = "string", durationForm
	case timeKind:
		n.Type, n.Pattern = "string", timeForm
	case numberKind:
		n.Type, n.Minimum, n.Maximum = "integer", &e.least, &e.most
	case flagKind:
		n.Type = "boolean"
	case listKind:
		n.Type, n.MinItems, n.Items = "array", 1, &node{Type: "string", MinLength: 1}
	case keysKind:
		item := group("")
		if e.path == "previous_keys" {
			item.place(&retiredAt, []string{"retired_at"})
		}
		for _, f := range withFiles(keyFields) {
			item.place(&f, []string{f.path})
		}
		n.Type, n.MaxItems, n.Items = "array", maxKeys, item
	}
	return n
}
