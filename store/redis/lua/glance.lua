#!lua flags=allow-oom
-- A look at the tails alone, fenced like a poll: whoever writes an event sets its feed's tail before, in the same step, and a
-- failover or a loss takes both. So the same nonces, for which the answer is 0, say that there is nothing to tell, and of others
-- each says so of its own feed. What they cannot tell, that somebody took a feed away by hand or by eviction, the next poll of
-- the feeds themselves does.
local first, nonces = tonumber(ARGV[1]), ARGV[2]
local tails = string.sub(redis.call('GET', KEYS[1]) or '', first + 1, first + #nonces)
return tails == nonces and 0 or tails
