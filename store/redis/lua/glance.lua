#!lua flags=allow-oom
-- A look at the tails alone, fenced like a poll: whoever writes an event sets its feed's tail before, in the same step, and a
-- failover or a loss takes both. So the same nonces say that there is nothing to tell; what they cannot tell, that somebody
-- took a feed away by hand or by eviction, the next poll of the feeds themselves does.
local tails, first, nonces = redis.call('GET', KEYS[1]), tonumber(ARGV[1]), ARGV[2]
return tails and string.sub(tails, first + 1, first + #nonces) == nonces and 0 or 1
