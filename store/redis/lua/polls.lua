#!lua flags=allow-oom
-- Polls of many feeds as one, fenced like a single one. A feed whose newest entry is the one asked from, by id and nonce, has
-- told everything, and is answered by 0: so are nearly all.
local all = {}
for i, feed in ipairs(KEYS) do
  local id, nonce = ARGV[2 * i], ARGV[2 * i + 1]
  local got = redis.call('XRANGE', feed, id, '+', 'COUNT', ARGV[1])
  if #got == 1 and got[1][1] == id and string.sub(got[1][2][2], 2, 9) == nonce then got = 0 end
  all[i] = got
end
return all
