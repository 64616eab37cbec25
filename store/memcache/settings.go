package memcachestore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// facts are what a server's settings mean for the store.
type facts struct {
	evicts  bool // or drops what it has moved to disk
	maxItem int
}

// itemOverhead is more than memcached adds to a value: its header, a cas id, flags, and a key of at most 64+32 bytes.
const itemOverhead = 512

// minItem is the least item_size_max: what package document needs for a value, and the overhead.
const minItem = 16<<10 + itemOverhead

var errForeign = errors.New("no memcached")

// settings asks for the settings of the server at the other end.
func settings(conn net.Conn) (f facts, err error) {
	said, err := askStats(conn, "stats settings\r\n")
	if err != nil {
		return f, err
	}
	f.evicts = said["evictions"] != "off"
	if f.maxItem, err = strconv.Atoi(said["item_size_max"]); err != nil || said["evictions"] == "" || said["cas_enabled"] == "" {
		return f, errForeign
	}
	if said["cas_enabled"] != "yes" { // a cas command would overwrite whatever is there
		return f, fmt.Errorf("%w: the server was started with -C, without compare-and-swap: start it without", store.ErrUnavailable)
	}
	if f.maxItem < minItem {
		return f, fmt.Errorf("%w: the server's item_size_max is %d bytes, the least is %d: start it with -I 1m", store.ErrUnavailable, f.maxItem, minItem)
	}
	if f.evicts {
		return f, nil
	}
	// -M is for memory alone: extstore (ext_path) throws away what is on a full disk all the same, and stands in no setting.
	said, err = askStats(conn, "stats\r\n")
	_, f.evicts = said["extstore_limit_maxbytes"]
	return f, err
}

// askStats asks for statistics. gomemcache has no word for it; nothing else is on its way on the connection.
func askStats(conn net.Conn, command string) (map[string]string, error) {
	if _, err := io.WriteString(conn, command); err != nil {
		return nil, err
	}
	return readStats(conn)
}

// mostStats is more lines than any memcached has settings.
const mostStats = 1000

// readStats reads the lines of a stats command.
func readStats(conn io.Reader) (map[string]string, error) {
	said := map[string]string{}
	in := bufio.NewReader(conn) // it reads nothing beyond the last line: nothing else was asked
	for range mostStats {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, errForeign
		}
		if err != nil {
			return nil, err
		}
		text := strings.TrimSuffix(string(line), "\r\n")
		if text == "END" && in.Buffered() == 0 {
			return said, nil
		}
		rest, ok := strings.CutPrefix(text, "STAT ")
		if !ok {
			return nil, refusedBy(text)
		}
		name, value, _ := strings.Cut(rest, " ")
		said[name] = value
	}
	return nil, errForeign
}
