// Package all registers every backend, for programs that let a setting choose:
//
//	import _ "github.com/jetonkit/jeton/store/all"
//
// It links the clients of all of them; a program that knows its store imports that one alone.
package all

import (
	_ "github.com/jetonkit/jeton/store/bolt"     // bolt
	_ "github.com/jetonkit/jeton/store/memcache" // memcache
	_ "github.com/jetonkit/jeton/store/memory"   // memory
	_ "github.com/jetonkit/jeton/store/redis"    // redis, rediss, redis+cluster, redis+sentinel
)
