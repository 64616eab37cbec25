local field, version = ARGV[args], tonumber(ARGV[args + 1])
local replace, metadata = ARGV[args + 2] == '1', ARGV[args + 3]
local expires, deadline, mycheck = tonumber(ARGV[args + 4]), tonumber(ARGV[args + 5]), ARGV[args + 6] -- ms; nil leaves it
reading()
local got = call('HMGET', ledger, 'h', 'x', field)
if not bounded(expires, deadline) then return reply('ends') end
open(got, 3)
mine(got[3], mycheck)
local s, r = status(got[3])
if s ~= 'L' then return dead(s) end
local parts = sections(r)
local before = {r.expires, r.deadline, parts[3] or ''}
if replace then parts[3] = metadata end
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
