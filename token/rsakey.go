package token

import (
	"crypto/rsa"
	"fmt"
	"math/big"
)

// minExponent is F4, the least public exponent of FIPS 186-5 §5.1 that anybody uses. With 3, faults in paddings forge.
const minExponent = 65537

const rsaRemedy = "make it by: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072"

func (a *algorithm) rsaPublic(key *rsa.PublicKey) (*rsa.PublicKey, error) {
	if a.family != familyRSA || key == nil || key.N == nil {
		return nil, a.wrongKind(key)
	}
	bits := key.N.BitLen()
	switch {
	case key.N.Sign() <= 0 || bits < MinRSABits:
		return nil, invalid("key", fmt.Sprintf("is RSA of %d bits, the least is %d", bits, MinRSABits), rsaRemedy)
	case bits > MaxRSABits:
		return nil, invalid("key", fmt.Sprintf("is RSA of %d bits, the most is %d", bits, MaxRSABits), rsaRemedy)
	case key.E < minExponent || key.E%2 == 0 || key.E > 1<<31-1:
		return nil, invalid("key", fmt.Sprintf("has a public exponent that is even, below %d or over 31 bits", minExponent), rsaRemedy)
	case key.N.Bit(0) == 0:
		return nil, invalid("key", "has an even modulus", rsaRemedy)
	case roca(key.N):
		return nil, invalid("key", "was made by the weak generator of CVE-2017-15361 (ROCA)", rsaRemedy)
	}
	return &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}, nil
}

func (a *algorithm) rsaPrivate(key *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	if key == nil || key.D == nil {
		return nil, a.wrongKind(nil)
	}
	public, err := a.rsaPublic(&key.PublicKey) // its size first: the rest takes time that grows with it
	if err != nil {
		return nil, err
	}
	if len(key.Primes) != 2 {
		return nil, invalid("key", fmt.Sprintf("has %d primes, and 2 are needed", len(key.Primes)), rsaRemedy)
	}
	whole := &rsa.PrivateKey{PublicKey: *public, D: new(big.Int).Set(key.D), Primes: make([]*big.Int, 2)}
	for n, p := range key.Primes {
		if p == nil || p.Sign() <= 0 || p.Cmp(public.N) >= 0 {
			return nil, badRSA()
		}
		whole.Primes[n] = new(big.Int).Set(p)
	}
	if key.D.Sign() <= 0 || key.D.Cmp(public.N) >= 0 {
		return nil, badRSA()
	}
	whole.Precompute()
	if whole.Validate() != nil {
		return nil, badRSA()
	}
	return whole, nil
}

func badRSA() error {
	return invalid("key", "has numbers that do not belong together", rsaRemedy)
}

// rocaPrimes are the odd primes up to 167.
var rocaPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127,
	131, 137, 139, 149, 151, 157, 163, 167,
}

// roca reports the fingerprint of CVE-2017-15361: primes made as k·M + 65537^a mod M, for M the product of the first
// primes, leave a modulus that is a power of 65537 modulo each of them (Nemec et al., "The Return of Coppersmith's Attack",
// 2017, §3). All 38 agree by chance for one key in 2^30.
func roca(n *big.Int) bool {
	var rest, prime big.Int
	for _, p := range rocaPrimes {
		r := rest.Mod(n, prime.SetInt64(p)).Int64()
		power, found := int64(1), false
		for range p {
			found = found || power == r
			power = power * (minExponent % p) % p
		}
		if !found {
			return false
		}
	}
	return true
}
