#!lua flags=allow-oom
-- A fenced poll: not marked no-writes, so that a master that lost its replicas, or was cut off, refuses it.
return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
