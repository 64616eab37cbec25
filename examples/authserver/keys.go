package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jetonkit/jeton/token"
)

// pemType is the type of a PEM block that holds a private key (RFC 5958).
const pemType = "PRIVATE KEY"

// loadKey reads the signing key, and makes one if the file is not there: tokens must survive a restart.
func loadKey(path string) (token.SigningKey, error) {
	private, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			private, err = readKey(path)
		}
	}
	if err != nil {
		return token.SigningKey{}, err
	}
	// The kid is made of the public half, so that another key never has the same.
	sum := sha256.Sum256(private.Public().(ed25519.PublicKey)) //nolint:errcheck // its documented type
	return token.Ed25519(base64.RawURLEncoding.EncodeToString(sum[:16]), private)
}

func readKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %04o): who reads it can log in as anybody; run chmod 600 on it, or delete it to get a new one", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(rest) > 0 {
		return nil, fmt.Errorf("%s is not one PEM block of type %s", path, pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds no PKCS #8 key: %w", path, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds another key than an Ed25519 one", path)
	}
	return private, nil
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
