#!lua flags=allow-oom
-- Polls of many feeds as one, fenced like a single one. To read one entry of each feed costs the server a hundred times what
-- it costs to ask whether all is as it was: nothing behind the events asked from, which the feeds tell themselves; the same
-- events last, which the tails tell, that are written and lost with the feeds; and none of the feeds gone. So polls of
-- quiet feeds end with 0. Where one of the three is in doubt, the feed itself must show the event asked from, by id and nonce.
local call, sub, n = redis.call, string.sub, #KEYS - 1
local most, first, nonces = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local ask, feeds = {'COUNT', '1', 'STREAMS'}, {}
for i = 1, n do feeds[i], ask[3 + i], ask[3 + n + i] = KEYS[i], KEYS[i], ARGV[3 + i] end
local news = call('XREAD', unpack(ask))
local tails = first >= 0 and call('EXISTS', unpack(feeds)) == n and call('GET', KEYS[n + 1]) or ''
if not news and sub(tails, first + 1, first + 8 * n) == nonces then return 0 end

local newer, all = {}, {}
for _, feed in ipairs(news or {}) do newer[feed[1]] = true end
for i, feed in ipairs(feeds) do
  local id, nonce = ARGV[3 + i], sub(nonces, 8 * i - 7, 8 * i)
  all[i] = 0
  if newer[feed] or sub(tails, first + 8 * i - 7, first + 8 * i) ~= nonce then
    local got = call('XRANGE', feed, id, '+', 'COUNT', most)
    if #got ~= 1 or got[1][1] ~= id or sub(got[1][2][2], 2, 9) ~= nonce then all[i] = got end
  end
end
return all
