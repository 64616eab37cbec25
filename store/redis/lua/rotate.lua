local function rotate()
  local field, mycheck, link, fresh, binding = argv[args], argv[args + 1], argv[args + 2], argv[args + 3], argv[args + 5]
  local rotation, grace, replays, expires = unpackb('>I8I7I2I6', argv[args + 4]) -- number, µs, number, ms
  expires = present(expires) -- nil leaves it
  local got = call('HMGET', ledger, 'h', 'x', field)
  if not bounded(expires) then return reply('ends') end
  open(got, 3)
  mine(got[3], mycheck)
  local s, r = status(got[3])
  if s ~= 'L' then return dead(s) end
  local parts = sections(r)

  local function advance(outcome)
    local was = r.expires
    r.rotation, r.prev, r.link = rotation + 1, sub(link, 1, 8), fresh
    r.rotated, r.seen = floor(now / 1000), floor(now / 1000)
    if expires then r.expires = min(expires, r.deadline) end
    if r.seq <= h.floor then r.seq = seq() end -- its access tokens live again, from here on
    if parts[4] then
      parts[4] = nil
      restate(r, parts)
    end
    put(field, r, was)
    finish(false)
    return reply('ok', outcome, edits[field])
  end

  local function replayed()
    local known = parts[4] or ''
    for i = 1, #known, 2 do
      if sub(known, i, i + 1) == sub(fresh, 1, 2) then
        again(got[1])
        return reply('ok', 'replayed', got[3])
      end
    end
    if #known / 2 >= replays then return reply('replays') end
    parts[4] = known .. sub(fresh, 1, 2)
    restate(r, parts)
    put(field, r, r.expires)
    finish(false)
    return reply('ok', 'replayed', edits[field])
  end

  if rotation == r.rotation and link == r.link then return advance('rotated') end
  if rotation + 1 == r.rotation and fresh == r.link then -- the call's own repeat
    again(got[1])
    return reply('ok', 'rotated', got[3])
  end
  if rotation + 1 == r.rotation and sub(link, 1, 8) == r.prev and grace > 0 and math.abs(now - r.rotated * 1000) <= grace
    and ((parts[2] or '') == '' or parts[2] == binding) then
    return replayed()
  end
  if rotation > r.rotation then return advance('forward') end
  bar('reuse', {{field, r.check, got[3]}})
  finish(true)
  return reply('ok', 'reused', got[3])
end
