package httpauth

import (
	"errors"
	"net/url"
	"path"
	"strings"
)

// ErrAmbiguousPath is a request whose path meets one rule as one router reads it, and another as another does; or whose
// target is no path at all. It is answered by 400.
var ErrAmbiguousPath = errors.New("the path can be read in several ways")

// Routers read paths differently. net/http takes apart what is still encoded and then decodes, gin decodes first (so that
// %2F parts segments), echo compares what is encoded, others clean what has dots or double slashes, and proxies behind may
// turn backslashes. A rule must not be chosen by one reading, and the route by another: a path for which all readings are
// the same is judged as it stands, any other is judged in all of them, and refused where they differ.

// reading is one way to read a path.
type reading struct {
	// url makes a ServeMux match the path in this way, dots and empty segments literally.
	url *url.URL
	// text is the path, for regular expressions.
	text string
}

// isPlain reports whether everybody reads the path alike.
func isPlain(u *url.URL) bool { return u.RawPath == "" && isClean(u.Path) }

// isClean reports that a path that begins with a slash has no empty segments, no dot segments and no backslashes.
func isClean(p string) bool {
	if strings.Contains(p, "//") || strings.Contains(p, `\`) {
		return false
	}
	for rest := p; ; {
		at := strings.Index(rest, "/.")
		if at < 0 {
			return true
		}
		rest = rest[at+1:]
		switch segment, _, _ := strings.Cut(rest, "/"); segment {
		case ".", "..":
			return false
		}
	}
}

// readingsOf returns the ways to read a path that begins with a slash.
func readingsOf(u *url.URL) []reading {
	encoded := u.EscapedPath()
	literal := func(p string) reading { return reading{&url.URL{Path: shield(p, "\x00")}, p} }
	readings := []reading{
		literal(u.Path),         // decoded, then taken apart
		literal(encoded),        // never decoded
		literal(clean(u.Path)),  // decoded, then cleaned
		literal(clean(encoded)), // cleaned, and never decoded
		literal(clean(strings.ReplaceAll(u.Path, `\`, "/"))), // by somebody for whom a backslash is a slash
	}
	shielded := shield(encoded, "%00")
	if decoded, err := url.PathUnescape(shielded); err == nil { // taken apart, then decoded
		readings = append(readings, reading{&url.URL{Path: decoded, RawPath: shielded}, u.Path})
	}
	cleaned := clean(encoded)
	if decoded, err := url.PathUnescape(cleaned); err == nil { // cleaned, taken apart, then decoded
		readings = append(readings, reading{&url.URL{Path: decoded, RawPath: cleaned}, decoded})
	}
	return readings
}

// shield marks the segments that ServeMux would clean away, so that it takes them as they are: no rule has such a segment.
func shield(p, mark string) string {
	segments := strings.Split(p, "/")
	for n, segment := range segments {
		inner := n > 0 && n < len(segments)-1
		if (segment == "" && inner) || segment == "." || segment == ".." {
			segments[n] = mark + segment
		}
	}
	return strings.Join(segments, "/")
}

// clean is path.Clean that keeps a trailing slash.
func clean(p string) string {
	cleaned := path.Clean(p)
	if strings.HasSuffix(p, "/") && cleaned != "/" {
		cleaned += "/"
	}
	return cleaned
}
