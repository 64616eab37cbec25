package config

import (
	"context"
	"reflect"
	"strings"

	"github.com/jetonkit/jeton/token"
)

// Reload takes the keys of a configuration, usually the same file loaded again: Key, NextKeys, PreviousKeys and RemovedKeys.
// Issuer and Verifier go on with them at once, and neither a login nor a request waits or fails. All of them change or none:
// every mistake is an [Error], as in [Load], and names what is wrong. What [token.Keyring.Update] refuses is one, and so is
// anything else in the file that differs from what the stack was built of, since that would not take effect. What only a program gives
// (functions, clocks, Wrap) is not compared: it stays.
//
// A program that sets fields between Load and Build sets them here too. ctx bounds nothing but the start: nothing is asked.
func (s *Stack) Reload(ctx context.Context, c *Config) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wrong := c.check(nil)
	if err := wrong.join(); err != nil {
		return err
	}
	c.compare(&s.built, &wrong)
	keys := c.keyring(nil, &wrong)
	if signs := keys.Signing != (token.SigningKey{}); signs != (s.Issuer != nil) {
		problem := "has only a public key, and this process signs"
		if signs {
			problem = "can sign, and this process was started without such a key"
		}
		wrong.add(c.at("key"), "key", problem, "give the half that it had, or start again")
	}
	if err := wrong.join(); err != nil {
		return err
	}
	if err := s.Keys.Update(keys.RingKeys); err != nil {
		return c.keyMistake(err, keys)
	}
	return nil
}

// compare reports each key of a file, those of signing aside, that is not as it was.
func (c *Config) compare(old *Config, wrong *mistakes) {
	for n := range table {
		e := &table[n]
		if e.fileOf != "" || e.kind == flagKind || strings.HasPrefix(e.path, "key.") || strings.HasSuffix(e.path, "_keys") {
			continue
		}
		was, is := reflect.ValueOf(e.field(old)).Elem(), reflect.ValueOf(e.field(c)).Elem()
		if is.Kind() == reflect.Slice && is.Len() == 0 && was.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(was.Interface(), is.Interface()) {
			wrong.add(c.at(e.path), e.path, "is not what this process was started with", "start it again, or put the old value back: only keys change under way")
		}
	}
}
