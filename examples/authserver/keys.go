package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jetonkit/jeton/config"
)

// pemType is the type of a PEM block that holds a private key (RFC 5958).
const pemType = "PRIVATE KEY"

// loadKey reads the signing key, and makes one if the file is not there: tokens must survive a restart.
func loadKey(path string) (config.Key, error) {
	text, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			text, err = readKey(path)
		}
	}
	return config.Key{Algorithm: config.EdDSA, Secret: config.NewSecret(text)}, err
}

// readKey returns the file's text, once it is known to be a key that nobody else can read.
func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others (mode %04o): who reads it can log in as anybody; run chmod 600 on it, or delete it to get a new one", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(rest) > 0 {
		return "", fmt.Errorf("%s is not one PEM block of type %s", path, pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("%s holds no PKCS #8 key: %w", path, err)
	}
	if _, ok := parsed.(ed25519.PrivateKey); !ok {
		return "", fmt.Errorf("%s holds another key than an Ed25519 one", path)
	}
	return string(text), nil
}

// makeKey writes a new key. The file appears whole or not at all, and one that is there is never replaced.
func makeKey(path string) error {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // a file of no use, with a name of its own
	err = pem.Encode(temp, &pem.Block{Type: pemType, Bytes: der})
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
