-- victims returns the sessions that must give way to the limit, or nil and why the new one is refused. What it needs is
-- made within it, since most logins have no limit.
local function victims(most, mostofclass, policy, class)

  -- before orders bytes, whatever the server's locale says of texts.
  local function before(a, b)
    for i = 1, min(#a, #b) do
      local x, y = byte(a, i), byte(b, i)
      if x ~= y then return x < y end
    end
    return #a < #b
  end

  local letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

  -- id returns the id as its owner knows it: a field holds one of 22 letters of base64url decoded.
  local function id(s)
    local kind, raw = sub(s.field, 1, 1), sub(s.field, 2)
    if kind == 'r' then return raw end
    if kind == 'h' then return sections(s.record)[5] end
    local out, bits, n = '', 0, 0
    for i = 1, 16 do
      bits, n = bits * 256 + byte(raw, i), n + 8
      while n >= 6 do
        n = n - 6
        local top = floor(bits / 2 ^ n)
        out, bits = out .. sub(letters, top + 1, top + 1), bits - top * 2 ^ n
      end
    end
    local top = bits * 2 ^ (6 - n)
    return out .. sub(letters, top + 1, top + 1)
  end

  -- sessions returns the live records; nil of a ledger too large to judge, out of which it removes what is dead among the
  -- entries that it may look at.
  local function sessions()
    local allowed = 256 + maxmarks
    local large = call('HLEN', ledger) > allowed + 4 -- 4 fields are no entries
    local all = large and call('HRANDFIELD', ledger, allowed + 4, 'WITHVALUES') or call('HGETALL', ledger)
    local entries, live = {}, {}
    for i = 1, #all, 2 do
      if #all[i] == 17 then entries[#entries + 1] = {field = all[i], value = all[i + 1]} end
    end
    local toomany = large or #entries > allowed
    for _, e in ipairs(entries) do
      local s, r = status(e.value)
      if s == 'L' then
        e.record = r
        live[#live + 1] = e
      elseif removable(e.value) or (toomany and r) then
        drop(e.field, e.value)
      end
    end
    if toomany then return nil end
    return live
  end

  local function choose(live, room, counts)
    local n = 1
    for _, s in ipairs(live) do
      if counts(s) and not s.victim then n = n + 1 end
    end
    for _, s in ipairs(live) do
      if n <= room then return end
      if counts(s) and not s.victim then
        s.victim, n = true, n - 1
      end
    end
  end

  -- The sessions that must give way.
  local live = sessions()
  if not live then return nil, 'toomany' end
  table.sort(live, function(a, b)
    if policy == 1 and a.record.seen ~= b.record.seen then return a.record.seen < b.record.seen end
    if a.record.issued ~= b.record.issued then return a.record.issued < b.record.issued end
    return before(id(a), id(b))
  end)
  if mostofclass > 0 then
    choose(live, mostofclass, function(s) return (sections(s.record)[1] or '') == class end)
  end
  if most > 0 then choose(live, most, function() return true end) end
  local out = {}
  for _, s in ipairs(live) do
    if s.victim then out[#out + 1] = s end
  end
  if #out > 0 and policy == 2 then return nil, 'full' end
  return out
end

local function issue()
  local field, mycheck, link, parts, name, class = argv[args], argv[args + 1], argv[args + 2], argv[args + 4], argv[args + 5], argv[args + 6]
  local expires, deadline, nparts, most, mostofclass, policy, guarded, ifcut = unpackb('>I6I6BI2I2BBI8', argv[args + 3]) -- ends in ms
  deadline = present(deadline)
  local got = call('HMGET', ledger, 'h', 'x', field)
  if not bounded(expires, deadline) then return reply('ends') end
  open(got, 3)
  mine(got[3], mycheck)

  local s, old
  if got[3] then
    s, old = status(got[3])
  end
  if s == 'L' then
    if old.link ~= link or old.rotation ~= 0 then return reply('exists') end
    again(got[1])
    return reply('ok', got[3])
  end
  if s == 'R' then return reply('revoked') end
  if guarded == 1 and ifcut ~= h.cut then return reply('conflict') end
  local evicted = {}
  if most > 0 or mostofclass > 0 then
    local out, why = victims(most, mostofclass, policy, class)
    if not out then
      if not h.fresh and next(edits) then finish(false, nil) end
      return reply(why)
    end
    local targets = {}
    for i, v in ipairs(out) do
      targets[i] = {v.field, v.record.check, v.value}
      evicted[2 * i - 1], evicted[2 * i] = v.field, v.value
    end
    bar('evicted', targets)
  end
  local r = {check = mycheck, link = link, seq = seq(), issued = now, version = 0, rotation = 0, prev = '', rest = parts, sections = nparts,
    rotated = floor(now / 1000), seen = floor(now / 1000), deadline = deadline or deadlineof(now)}
  r.expires = min(expires, r.deadline)
  if got[3] and edits[field] == nil then drop(field, got[3]) end
  put(field, r)
  finish(false, name ~= '' and name or nil, true)
  local answer = reply('ok', edits[field])
  for i = 1, #evicted do answer[#answer + 1] = evicted[i] end -- unpack takes 8,000 at most
  return answer
end
