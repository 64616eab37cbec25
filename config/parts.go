package config

import (
	"context"
	"slices"

	"github.com/jetonkit/jeton/token"
)

// part makes one of the three of package token from the stack's store and keys.
type part func(*Config, *Stack, keyring) error

var parts = []part{(*Config).issuer, (*Config).verifier, (*Config).revoker}

// issuer makes the issuer, where there is a key to sign with.
func (c *Config) issuer(s *Stack, keys keyring) (err error) {
	if keys.current.sign.KeyID() == "" {
		return nil
	}
	o := c.Issuer
	o.Events = c.events(o.Events)
	s.Issuer, err = token.NewIssuer(s.Store, c.IssuerName, s.Keys, &o)
	return err
}

// verifier makes the verifier, for our own tokens and those of others that the program trusts.
func (c *Config) verifier(s *Stack, _ keyring) (err error) {
	check, err := c.checker(s)
	if err != nil {
		return err
	}
	audience := c.Verifier.Audience
	if len(audience) == 0 {
		audience = c.Issuer.Audience
	}
	o := c.Verifier.VerifierOptions
	o.Events = c.events(o.Events)
	o.APIKeys = slices.Concat(o.APIKeys, s.APIKeys)
	own := token.TrustedIssuer{
		Issuer: c.IssuerName, Keys: s.Keys, Audience: audience, MaxLifetime: c.Verifier.MaxLifetime,
		Check: check, Extra: c.Verifier.Extra,
	}
	trusted := append([]token.TrustedIssuer{own}, s.others...)
	for n := range trusted {
		if trusted[n].Check == nil {
			trusted[n].Check = check
		}
	}
	s.Verifier, err = token.NewVerifier(trusted, &o)
	return err
}

// revoker makes the revoker.
func (c *Config) revoker(s *Stack, _ keyring) (err error) {
	o := c.Revoker
	o.Events = c.events(o.Events)
	s.Revoker, err = token.NewRevoker(s.Store, &o)
	return err
}

func (c *Config) events(own func(context.Context, token.Event)) func(context.Context, token.Event) {
	if own != nil {
		return own
	}
	return c.Events
}
