package token

import "crypto/ed25519"

// smallOrders are the y of the eight points whose order divides 8, as RFC 8032 §5.1.2 encodes them with the sign of x left
// out, in the five ways of one reading and the two of y >= p, which decoders reduce. The list is that of Chalkias, Garillot
// and Nikolaenko, "Taming the many EdDSAs" (2020), table 1, and of libsodium's ge25519_has_small_order.
var smallOrders = map[[ed25519.PublicKeySize]byte]bool{
	{}:  true, // 0, order 4
	{1}: true, // 1, the neutral point
	{ // order 8
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	}: true,
	{ // order 8
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	}: true,
	belowTop(0xec): true, // p - 1 = -1, order 2
	belowTop(0xed): true, // p, which is 0
	belowTop(0xee): true, // p + 1, which is 1
}

// belowTop is the encoding of 2^255 - 256 + low; p is 2^255 - 19.
func belowTop(low byte) [ed25519.PublicKeySize]byte {
	var y [ed25519.PublicKeySize]byte
	for n := range y {
		y[n] = 0xff
	}
	y[0], y[len(y)-1] = low, 0x7f
	return y
}

// smallOrder reports whether a public key is one of those points, in any encoding of it. Under such a key the signature
// of R = identity and S = 0 is good for one text of eight at the least, and no private key is needed.
func smallOrder(key ed25519.PublicKey) bool {
	y := [ed25519.PublicKeySize]byte(key)
	y[len(y)-1] &= 0x7f // the sign of x
	return smallOrders[y]
}
