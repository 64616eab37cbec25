local function touch()
  local field, mycheck = argv[args], argv[args + 1]
  local expires = present((unpackb('>I6', argv[args + 2]))) -- ms; nil leaves it
  local got = call('HMGET', ledger, 'h', 'x', field)
  if not bounded(expires) then return reply('ends') end
  open(got, 3)
  mine(got[3], mycheck)
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
end
