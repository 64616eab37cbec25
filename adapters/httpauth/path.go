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
// turn backslashes, or drop what follows a semicolon. A rule must not be chosen by one reading, and the route by another: a path for which all readings are
// the same is judged as it stands, any other is judged in all of them, and refused where they differ.

// reading is one way to read a path.
type reading struct {
	// url makes a ServeMux match the path in this way, dots and empty segments literally.
	url *url.URL
	// text is the path, for regular expressions.
	text string
}

// isPlain reports whether everybody reads the path alike.
func isPlain(u *url.URL) bool {
	return u.RawPath == "" && isClean(u.Path) && strings.IndexByte(u.Path, ';') < 0
}

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
	readings := []reading{literal(u.Path)}          // decoded, then taken apart
	readings = append(readings, cleaned(u.Path)...) // decoded, then cleaned
	// By somebody for whom a backslash is a slash, and for whom a segment ends with a semicolon.
	readings = append(readings, cleaned(withoutParams(strings.ReplaceAll(u.Path, `\`, "/")))...)
	encoded := u.EscapedPath()
	readings = append(readings, encodedReadings(encoded)...)
	if u.RawPath != "" && u.RawPath != encoded { // net/http does not believe it, and others read it as it is
		readings = append(readings, encodedReadings(u.RawPath)...)
	}
	return readings
}

// encodedReadings returns the ways of those who do not begin by decoding.
func encodedReadings(encoded string) []reading {
	readings := append(cleaned(encoded), literal(encoded)) // never decoded, cleaned or not
	shielded := shield(encoded, "%00")
	if decoded, err := url.PathUnescape(shielded); err == nil { // taken apart, then decoded
		text, _ := url.PathUnescape(encoded) // what decodes with marks does without
		readings = append(readings, reading{&url.URL{Path: decoded, RawPath: shielded}, text})
	}
	for _, p := range cleanings(encoded) {
		if decoded, err := url.PathUnescape(p); err == nil { // cleaned, taken apart, then decoded
			readings = append(readings, reading{&url.URL{Path: decoded, RawPath: p}, decoded})
		}
	}
	return readings
}

// literal reads a path as it stands.
func literal(p string) reading { return reading{&url.URL{Path: shield(p, "\x00")}, p} }

// cleaned reads a path as those do who clean it.
func cleaned(p string) []reading {
	var readings []reading
	for _, c := range cleanings(p) {
		readings = append(readings, literal(c))
	}
	return readings
}

// withoutParams cuts each segment at its semicolon, as servers with path parameters do (RFC 3986 §3.3).
func withoutParams(p string) string {
	segments := strings.Split(p, "/")
	for n := range segments {
		segments[n], _, _ = strings.Cut(segments[n], ";")
	}
	return strings.Join(segments, "/")
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

// cleanings returns what path.Clean makes of a path, with its trailing slash. A dot segment at the end leaves a slash (RFC 3986
// §5.2.4, gin) or none (net/http).
func cleanings(p string) []string {
	short := path.Clean(p)
	switch {
	case short == "/":
		return []string{short}
	case strings.HasSuffix(p, "/"):
		return []string{short + "/"}
	case strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/.."):
		return []string{short, short + "/"}
	}
	return []string{short}
}
