//go:build !unix

package testenv

import (
	"errors"
	"os"
)

// lockFile is only opened here: ports are then as free as listening on them a moment before says.
func lockFile(name string) (*os.File, error) { return os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666) }

func terminate(p *os.Process) error { return p.Kill() }
func pause(*os.Process) error       { return errors.ErrUnsupported }
func resume(*os.Process) error      { return errors.ErrUnsupported }
