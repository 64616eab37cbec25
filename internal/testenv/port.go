package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Servers listen on 127.0.0.1, at ports that no outgoing connection is given (they begin at 32768 on Linux,
// 49152 elsewhere): a server that was killed must find its own port free again. Cluster nodes talk to each other on
// a second port, busOffset higher, which is nobody's first.
const (
	loopback  = "127.0.0.1"
	firstPort = 10000
	lastPort  = 19999
	busOffset = 10000
)

// reservation is a port that no other test of this machine is given until it is released, not even while its
// server is down. The lock ends with the process that holds it.
type reservation struct {
	port int
	lock *os.File
}

// reserve finds a port that nobody listens on and nobody reserved, nor its cluster bus port.
func reserve() (reservation, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("jeton-ports-%d", os.Getuid())) // another user's could not be written
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return reservation{}, err
	}
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		lock, err := lockFile(filepath.Join(dir, strconv.Itoa(port)))
		if err != nil {
			continue // another test's
		}
		if isFree(port) && isFree(port+busOffset) {
			return reservation{port: port, lock: lock}, nil
		}
		_ = lock.Close() // nothing was written
	}
	return reservation{}, errors.New("no free loopback port in 1000 tries")
}

func (r reservation) release() { _ = r.lock.Close() }

// address is where the server listens for clients.
func (r reservation) address() string { return address(r.port) }

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func isFree(port int) bool {
	listener, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// errPortTaken says that somebody outside of these tests took a port between reserve and the server's start.
var errPortTaken = errors.New("the port was taken")
