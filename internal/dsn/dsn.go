// Package dsn reads the parameters of a store's URL: each once, none unknown. No error holds a value, or a name that could
// be a piece of a password: one with an unescaped ? or # in it ends up behind that.
package dsn

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Params are the parameters of one URL. Read each that is known, then ask Err.
type Params struct {
	values url.Values
	known  []string
	err    error
}

// Read returns the parameters of u.
func Read(u *url.URL) *Params {
	values, err := url.ParseQuery(u.RawQuery)
	p := &Params{values: values}
	switch {
	case u.Fragment != "":
		p.err = &store.FieldError{Field: "URL", Problem: "has a fragment", Remedy: "write a # in it as %23"}
	case err != nil: // the error repeats the text
		p.err = &store.FieldError{Field: "URL", Problem: "has parameters that do not parse", Remedy: "write them as name=value&name=value, with escapes where needed"}
	}
	return p
}

// Duration reads a duration of Go's form ("90s", "24h") into dst; where it is absent dst stays.
func (p *Params) Duration(name string, dst *time.Duration) {
	p.read(name, "a duration such as 90s or 24h", func(text string) (err error) {
		*dst, err = time.ParseDuration(text)
		return err
	})
}

// Int reads a whole number into dst; where it is absent dst stays.
func (p *Params) Int(name string, dst *int) {
	p.read(name, "a whole number", func(text string) (err error) {
		*dst, err = strconv.Atoi(text)
		return err
	})
}

// Text reads a text into dst; where it is absent dst stays.
func (p *Params) Text(name string, dst *string) {
	p.read(name, "a text", func(text string) error {
		*dst = text
		return nil
	})
}

// Bool reads true or false into dst; where it is absent dst stays.
func (p *Params) Bool(name string, dst *bool) {
	p.read(name, "true or false", func(text string) error {
		if text != "true" && text != "false" {
			return strconv.ErrSyntax
		}
		*dst = text == "true"
		return nil
	})
}

func (p *Params) read(name, form string, parse func(string) error) {
	p.known = append(p.known, name)
	texts, ok := p.values[name]
	switch {
	case !ok || p.err != nil:
	case len(texts) > 1:
		p.err = Wrong(name, "is given more than once", "give it once")
	case parse(texts[0]) != nil:
		p.err = Wrong(name, "does not parse", "write "+form)
	}
}

// Err returns the first error: one of reading, or a parameter that was not read.
func (p *Params) Err() error {
	if p.err != nil {
		return p.err
	}
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !slices.Contains(p.known, name) {
			remedy := "remove it; there are no parameters"
			if len(p.known) > 0 {
				remedy = "the known ones are " + strings.Join(p.known, ", ")
			}
			return Wrong(name, "is unknown", remedy)
		}
	}
	return nil
}

// Authorities reads the certificates in a file that the parameter ca names.
func Authorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, Wrong("ca", "names a file that cannot be read", "check path and rights")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, Wrong("ca", "names a file without a certificate in PEM", "point it at the CA's certificate")
	}
	return pool, nil
}

// Wrong is the error of a parameter.
func Wrong(name, problem, remedy string) error {
	what := "a parameter of the URL"
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == "" && name != "" {
		what = fmt.Sprintf("the URL's parameter %q", name)
	}
	return &store.FieldError{Field: what, Problem: problem, Remedy: remedy}
}
