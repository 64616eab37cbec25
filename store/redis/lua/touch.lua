local field, expires = ARGV[args], tonumber(ARGV[args + 1]) -- ms; nil leaves it
reading()
local got = call('HMGET', ledger, 'h', 'x', field)
open(got[1], got[2])
local s, r = status(got[3])
if s ~= 'L' then return reply('ok') end
local seen, slid = max(r.seen, floor(now / 1000)), r.expires
if expires then slid = max(slid, min(expires, r.deadline)) end
if seen == r.seen and slid == r.expires then
  again(got[1])
  return reply('ok')
end
local was = r.expires
r.seen, r.expires = seen, slid
put(field, r, was)
finish(false)
return reply('ok')
