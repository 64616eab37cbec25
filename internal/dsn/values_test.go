package dsn_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/dsn"
	"github.com/jetonkit/jeton/store"
)

func TestTextAndBool(t *testing.T) {
	for _, c := range []struct {
		rule, query, text string
		on                bool
		refused           string
	}{
		{"absent, both stay", "", "before", true, ""},
		{"given, both are set", "name=a%20b&on=false", "a b", false, ""},
		{"an empty text is a text", "name=", "", true, ""},
		{"a plus is a space", "name=a+b", "a b", true, ""},
		{"a text is any text", "name=%00%ff%26", "\x00\xff&", true, ""},
		{"true", "on=true", "before", true, ""},
		{"1 is not true", "on=1", "before", true, "write true or false"},
		{"nor is True", "on=True", "before", true, "write true or false"},
		{"nor is nothing", "on=", "before", true, "write true or false"},
		{"a text twice", "name=" + pw + "&name=" + pw, "before", true, "give it once"},
		{"a bool twice", "on=true&on=true", "before", true, "give it once"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			text, on := "before", true
			p := dsn.Read(parse(t, "x://host?"+c.query))
			p.Text("name", &text)
			p.Bool("on", &on)
			switch err := p.Err(); {
			case c.refused == "" && (err != nil || text != c.text || on != c.on):
				t.Errorf("%q, %v, %v", text, on, err)
			case c.refused != "" && (!errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.refused) || strings.Contains(err.Error(), pw)):
				t.Errorf("%v", err)
			}
		})
	}
}

// FuzzParams: whatever stands behind the ?, the answer is values or bad input, and no error tells a value.
func FuzzParams(f *testing.F) {
	for _, query := range []string{"a=1s&b=2&c=x&d=true", "a=%zz", "b=1;c", "a=1&a=2", "=x", "%61=1s#x"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		u := &url.URL{Scheme: "x", Host: "h", RawQuery: query + "&c=" + pw}
		var a time.Duration
		var b int
		var c string
		var d bool
		p := dsn.Read(u)
		p.Duration("a", &a)
		p.Int("b", &b)
		p.Text("c", &c)
		p.Bool("d", &d)
		if err := p.Err(); err != nil && (!errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), pw)) {
			t.Fatalf("%q: %v", query, err)
		}
	})
}
