// Package testenv starts real servers for tests: Redis (or Valkey) single, as cluster and under Sentinel, and
// memcached, each a process of its own on a free loopback port that ends with the test.
//
//	r := testenv.Redis(t)                          // one server: r.Addr(), r.URL(), r.Do("SET", "k", "v")
//	r.Kill(); r.Restart(); r.Pause(); r.Resume()   // SIGKILL, the same port and directory again, SIGSTOP, SIGCONT
//	testenv.Redis(t, testenv.AppendOnly("everysec"), testenv.MaxMemory("8mb", "noeviction"), testenv.Password("x"))
//	testenv.Redis(t, testenv.TLS())                // r.TLS() is for its clients
//	testenv.Redis(t, testenv.On(testenv.Valkey))   // another build; EachBuild(t, …) runs a test on all of them
//	testenv.Redis(t, testenv.ReplicaOf(r))         // a replica of r
//
//	c := testenv.RedisCluster(t)                   // three masters, a replica each: c.Addrs()
//	c.MasterOf(slot).Kill(); c.AwaitOK()           // a replica was promoted
//	c.Failover(replica, "TAKEOVER"); c.MigrateSlot(slot, to)
//
//	s := testenv.RedisSentinel(t)                  // a master, two replicas, three sentinels: s.Addrs(), s.Name
//	m := testenv.Memcached(t, "-m", "2")           // m.Addr(), m.Do("flush_all")
//
//	testenv.SharedRedis(t); testenv.SharedCluster(t); testenv.SharedMemcached(t)
//
// The shared ones are started once per test binary, whose TestMain calls [Main]; tests keep apart by [Prefix].
//
// # Where the servers come from
//
// make test runs scripts/servers.sh, which fetches Debian's packages into .bin/servers; servers on the PATH do
// as well (Redis 7 or later). A test that asks for a server that is not there is skipped, with a sentence that
// names it and says how to get it. Where CI=true or JETON_SERVERS=required it fails.
//
// # What stays
//
// Nothing, if the test passed. A failed test says where it copied the servers' logs: below $JETON_TEST_LOGS, or
// jeton-logs in the directory of temporary files. On Linux servers also die with a test binary that is killed.
package testenv
