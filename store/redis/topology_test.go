package redisstore_test

import (
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// clientOf is the client that a URL stands for, with the settings that production has.
func clientOf(t testing.TB, raw string) redis.UniversalClient {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	client, _, err := redisstore.Parse(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func clusterURL(c *testenv.Cluster) string {
	addrs := c.Addrs()
	return "redis+cluster://" + addrs[0] + "?addrs=" + strings.Join(addrs[1:], ",")
}

func sentinelURL(s *testenv.Sentinel) string {
	addrs := s.Addrs()
	return "redis+sentinel://" + addrs[0] + "?master=" + s.Name + "&addrs=" + strings.Join(addrs[1:], ",")
}

// TestConformanceCluster holds the store to every rule on a cluster of three masters, each with a replica.
func TestConformanceCluster(t *testing.T) {
	conformance.Run(t, over(t, clientOf(t, clusterURL(testenv.SharedCluster(t)))))
}

// TestConformanceSentinel holds the store to every rule behind Sentinel.
func TestConformanceSentinel(t *testing.T) {
	conformance.Run(t, over(t, clientOf(t, sentinelURL(testenv.RedisSentinel(t)))))
}

var specsRan atomic.Bool

// TestSpecs are the conformance tests as Ginkgo specs.
func TestSpecs(t *testing.T) {
	if specsRan.Swap(true) {
		t.Skip("Ginkgo runs a suite once in a process")
	}
	for where, url := range map[string]string{
		"one server":      testenv.SharedRedis(t).URL(),
		"a cluster":       clusterURL(testenv.SharedCluster(t)),
		"behind Sentinel": sentinelURL(testenv.RedisSentinel(t)),
	} {
		h := over(t, clientOf(t, url))
		h.Traits.Histories = 10 // the tests by Run play more
		ginkgo.Describe("store/redis on "+where, func() { conformance.Specs(h) })
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.RandomizeAllSpecs, reporter.Succinct, reporter.NoColor = true, true, true
	ginkgo.RunSpecs(t, "store/redis", suite, reporter)
}
