package token

import (
	"strings"
	"unicode/utf8"
)

// scan reads the usual form of a payload, several times faster than the strict library, and refuses nothing: whatever it
// does not know is left to the library, and so is every error. Usual is an object without blanks, of names in ASCII, texts
// without escapes, dates in whole seconds, and custom claims a few levels deep. What it reads is what the library reads; a
// fuzz test holds the two together. scratch is room for the custom claims; it comes back grown.
func (c *claims) scan(text string, scratch []byte) (grown []byte, ok bool) {
	s, custom := scanner{text: text}, scratch[:0]
	var seen names
	if !s.next('{') {
		return scratch, false
	}
	for more := !s.isNext('}'); more; more = s.next(',') {
		name, ok := s.name(&seen)
		if !ok {
			return scratch, false
		}
		if to := c.place(name); to != nil {
			if !s.known(c, to) {
				return scratch, false
			}
			continue
		}
		written := s.at - len(name) - len(`"":`)
		start := s.at
		if variantASCII(name) || !s.value(maxScanDepth) {
			return scratch, false
		}
		c.note(name, text[start:s.at])
		custom = append(custom, '{')
		if len(custom) > 1 {
			custom[len(custom)-1] = ','
		}
		custom = append(custom, text[written:s.at]...)
	}
	if !s.next('}') || s.at != len(text) {
		return scratch, false
	}
	if len(custom) > 0 {
		custom = append(custom, '}')
		c.custom = custom
	}
	return custom, true
}

// variantASCII reports whether a name that is no known one may be one in another case.
func variantASCII(name string) bool {
	switch len(name) { // of the known ones; letters of ASCII fold to one byte each
	case len("iss"), len("realm"), len("client_id"):
		return fold(name, claimNames) != ""
	}
	return false
}

// maxScanDepth is how deep a custom claim may nest, and maxScanNames how many names an object may have.
const (
	maxScanDepth = 8
	maxScanNames = 32
)

// scanner reads JSON without blanks. A method that returns false leaves it anywhere.
type scanner struct {
	text string
	at   int
}

// known reads a claim into its place.
func (s *scanner) known(c *claims, to any) (ok bool) {
	switch to := to.(type) {
	case *string:
		*to, ok = s.plain()
	case *[]string:
		*to, ok = s.audience(c.few[:0])
	case *date:
		*(*int64)(to), ok = s.date()
	case *laterDate:
		*(*int64)(to), ok = s.date()
	case *uint64:
		*to, ok = s.digits()
	}
	return ok
}

// next takes a byte if it is the next one.
func (s *scanner) next(c byte) bool {
	if s.isNext(c) {
		s.at++
		return true
	}
	return false
}

func (s *scanner) isNext(c byte) bool { return s.at < len(s.text) && s.text[s.at] == c }

// plain reads a text without escapes and control characters.
func (s *scanner) plain() (string, bool) {
	text, ascii, ok := s.quoted()
	return text, ok && (ascii || utf8.ValidString(text))
}

func (s *scanner) quoted() (text string, ascii, ok bool) {
	if !s.next('"') {
		return "", false, false
	}
	rest, ascii := s.text[s.at:], true
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '"':
			s.at += i + 1
			return rest[:i], ascii, true
		case c < ' ' || c == '\\':
			return "", false, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", false, false
}

// name reads a name in ASCII that the object has not had, and its colon. Others may be a known name in another case: K and s
// have variants outside of ASCII.
func (s *scanner) name(seen *names) (string, bool) {
	name, ascii, ok := s.quoted()
	return name, ok && ascii && s.next(':') && seen.add(name)
}

// digits reads a whole number.
func (s *scanner) digits() (n uint64, ok bool) {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		n = n*10 + uint64(s.text[s.at]-'0')
		s.at++
	}
	width := s.at - start
	// 19 digits are below 2^64; what may follow is a sign of a fraction or an exponent, or ends the member.
	return n, width > 0 && width < 20 && (width == 1 || s.text[start] != '0') && s.ends()
}

// ends reports whether a member ends here.
func (s *scanner) ends() bool {
	return s.isNext(',') || s.isNext('}') || s.isNext(']')
}

func (s *scanner) date() (int64, bool) {
	n, ok := s.digits()
	return int64(n), ok && n <= maxDate
}

// audience reads a text or an array of texts.
func (s *scanner) audience(few []string) ([]string, bool) {
	if s.isNext('"') {
		one, ok := s.plain()
		return append(few, one), ok
	}
	if !s.next('[') {
		return nil, false
	}
	var all []string // none is nil, as the library's
	for more := !s.isNext(']'); more; more = s.next(',') {
		if all == nil {
			all = few
		}
		one, ok := s.plain()
		if !ok {
			return nil, false
		}
		all = append(all, one)
	}
	return all, s.next(']')
}

// value passes a custom claim's value.
func (s *scanner) value(depth int) bool {
	if s.at >= len(s.text) || depth == 0 {
		return false
	}
	switch s.text[s.at] {
	case '"':
		_, ok := s.plain()
		return ok
	case '[':
		return s.array(depth)
	case '{':
		return s.object(depth)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	_, ok := s.digits()
	return ok
}

func (s *scanner) array(depth int) bool {
	if !s.next('[') {
		return false
	}
	for more := !s.isNext(']'); more; more = s.next(',') {
		if !s.value(depth - 1) {
			return false
		}
	}
	return s.next(']')
}

func (s *scanner) object(depth int) bool {
	if !s.next('{') {
		return false
	}
	var seen names
	for more := !s.isNext('}'); more; more = s.next(',') {
		if _, ok := s.name(&seen); !ok || !s.value(depth-1) {
			return false
		}
	}
	return s.next('}')
}

func (s *scanner) word(w string) bool {
	if !strings.HasPrefix(s.text[s.at:], w) {
		return false
	}
	s.at += len(w)
	return true
}

// names are those that an object has had.
type names struct {
	all   [maxScanNames]string
	count int
	bits  uint64 // one for each name, by its ends and length: most names are new by this alone
}

// add is false for a name that was there, and where there is no room.
func (n *names) add(name string) bool {
	bit := uint64(1)
	if name != "" {
		bit <<= (uint(name[0]) + uint(name[len(name)-1])*5 + uint(len(name))*11) % 64
	}
	if n.bits&bit != 0 {
		for _, had := range n.all[:n.count] {
			if had == name {
				return false
			}
		}
	}
	if n.count == len(n.all) {
		return false
	}
	n.all[n.count], n.bits = name, n.bits|bit
	n.count++
	return true
}
