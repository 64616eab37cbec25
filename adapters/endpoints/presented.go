package endpoints

import (
	"context"
	"errors"
	"slices"

	"github.com/jetonkit/jeton/token"
)

// owners says which client a token is.
type owners struct{ firstParty []string }

// own reports whether a token of ours is a client's: the one that its client_id names. (Another issuer's clients are not
// ours, whatever they are called.) A token that was issued to nobody in particular
// (an API key, or a JWT whose client_id is its issuer, as IssuerOptions.ClientID defaults to) is that of the first-party
// clients alone.
func (o owners) own(client, tokenClient, issuer string) bool {
	if client == tokenClient {
		return true
	}
	return (tokenClient == "" || tokenClient == issuer) && slices.Contains(o.firstParty, client)
}

// presented is a text that was recognised: exactly one field is set.
type presented struct {
	access  *token.Token
	refresh *token.RefreshToken
}

var (
	// errOtherKind is a token that is proven to be somebody's, and of a kind that is not handled here.
	errOtherKind = errors.New("a good token of another kind")
	// errNotYet is a token that will be good: its nbf has not come, or a clock is behind. It can be revoked from then on, and
	// nobody may think that it is dead.
	errNotYet = errors.New("a token that is not valid yet, and will be")
)

// recognise reads a token, whichever kind it is: its own header says it, so that no hint is needed (RFC 7009 §2.1). It is
// nothing, without an error, for a text that is proven to be no living token, now and later; any error but errOtherKind is an
// outage.
func recognise(ctx context.Context, v *token.Verifier, i *token.Issuer, raw string) (presented, error) {
	access, err := v.Parse(ctx, raw)
	if err == nil {
		return presented{access: access}, nil
	}
	refresh, other := i.ParseRefresh(ctx, raw)
	switch {
	case other == nil:
		return presented{refresh: refresh}, nil
	case !errors.Is(err, token.ErrInvalidToken):
		return presented{}, err
	case !errors.Is(other, token.ErrInvalidToken):
		return presented{}, other
	case errors.Is(err, token.ErrNotYetValid):
		return presented{}, errNotYet
	case errors.Is(other, token.ErrExpired):
		return presented{}, nil
	}
	for _, signed := range []error{token.ErrType, token.ErrAudience, token.ErrLifetime} { // its signature is good
		if errors.Is(err, signed) {
			return presented{}, errOtherKind
		}
	}
	return presented{}, nil
}
