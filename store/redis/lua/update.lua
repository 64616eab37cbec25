local function update()
  local field, mycheck, metadata = argv[args], argv[args + 1], argv[args + 3]
  local version, replace, expires, deadline = unpackb('>I8BI6I6', argv[args + 2]) -- ends in ms
  expires, deadline = present(expires), present(deadline) -- nil leaves it
  local got = call('HMGET', ledger, 'h', 'x', field)
  if not bounded(expires, deadline) then return reply('ends') end
  open(got, 3)
  mine(got[3], mycheck)
  local s, r = status(got[3])
  if s ~= 'L' then return dead(s) end
  local parts = sections(r)
  local before = {r.expires, r.deadline, parts[3] or ''}
  if replace == 1 then parts[3] = metadata end
  if deadline then r.deadline = deadline end
  if expires then r.expires = expires end
  r.expires = min(r.expires, r.deadline)
  if version ~= r.version then
    if version + 1 == r.version and r.expires == before[1] and r.deadline == before[2] and (parts[3] or '') == before[3] then
      again(got[1]) -- the call's own repeat
      return reply('ok', got[3])
    end
    return reply('conflict', r.version)
  end
  if r.deadline > before[2] then return reply('raised') end
  r.version = r.version + 1
  restate(r, parts)
  put(field, r, before[1])
  finish(r.expires < before[1] or r.deadline < before[2])
  return reply('ok', edits[field])
end
