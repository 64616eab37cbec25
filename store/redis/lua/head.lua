-- The head of the ledger, and the last event of the feed.
local function last()
  if tail then return tail end
  local got = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if not got then
    tail = {id = false, nonce = rep('\0', 8), birth = now}
    return tail
  end
  local event = got[2][2]
  if byte(event) ~= 0x10 or #event < 75 then corrupt('the feed holds a foreign event') end
  tail = {id = got[1], nonce = sub(event, 2, 9), birth = (unpackb('>I7', event, 26))}
  return tail
end

local tell -- finish.lua

-- open reads the head, the first two of n values that were asked for. What it holds must be whole: a ledger that has lost
-- its head has lost its cut.
local function open(got, n)
  local raw, extra = got[1], got[2]
  h = {seq = 0, cut = 0, cuttime = 0, time = 0, marks = 0, ends = 0, due = 0, floor = 0, floortime = 0, keptcut = 0, keep = '', extra = extra}
  if raw then
    if byte(raw) ~= 0x11 or #raw ~= 51 then corrupt('the head is foreign or cut short') end
    if sub(raw, 2, 9) ~= check then corrupt('the head belongs to another subject') end
    h.seq, h.cut, h.cuttime, h.time, h.marks, h.ends, h.due = unpackb('>I7I7I7I7I2I6I6', raw, 10)
  else -- a ledger that is not there starts at the keyspace's birth: a lost store never un-revokes
    for i = 2, n do
      if got[i] then corrupt('the ledger has no head') end
    end
    tell(false)
    local birth = tail.birth
    h.seq, h.cut, h.cuttime, h.time, h.marks, h.ends, h.due, h.fresh = birth, birth, birth, 0, 0, 0, never, true
  end
  if extra then
    if byte(extra) ~= 0x17 or #extra < 30 or sub(extra, 2, 9) ~= check then corrupt('the floor is foreign or cut short') end
    h.floor, h.floortime, h.keptcut = unpackb('>I7I7I7', extra, 10)
    h.keep = sub(extra, 31)
  end
end

local function seq()
  h.seq = max(h.seq + 1, now)
  return h.seq
end

-- outlive moves the ledger's end behind a member's end or a cut, in ms.
local function outlive(t) ends = max(ends, ceil(t + keep)) end

-- due says that an entry can be dead from t on, in ms.
local function due(t) h.due = min(h.due, max(0, ceil(t))) end

local dying = 300000000 -- µs; how long an entry that a cut has ended stays, so that a late repeat of its Issue finds it dead

local function cut(op, ops)
  h.cut = seq()
  h.cuttime = max(h.cuttime, now)
  h.ops = op .. sub(ops or '', 1, 48)
  outlive(now / 1000)
  due((now + dying) / 1000)
end

-- reply answers, and says to which question: replies out of step must not pass for each other.
local function reply(code, ...) return {sub(nonce, 1, 8), code, now, rang, ...} end

-- mine refuses a value that is another id's.
local function mine(v, want)
  if v and sub(v, 2, 9) ~= want then corrupt('a value belongs to another id') end
end

-- bounded reports whether ends (ms, nil for none) lie in the future and within ten years, by the server's clock: the
-- caller's may be wrong.
local function bounded(...)
  for i = 1, select('#', ...) do
    local t = select(i, ...)
    if t and (t * 1000 <= now or t > now / 1000 + 315360000001) then return false end
  end
  return true
end

-- again answers a repeat from what is there. At a durable level it writes, so that the WAIT behind it has something to
-- wait for.
local function again(raw)
  if durable and raw then call('HSET', ledger, 'h', raw) end
end
