-- The form of records and marks, as internal/wire has it: reading.
-- The reader of variable-length numbers is a text and a place in it.
local text, at

local function uvarint()
  local n, scale = 0, 1
  while true do
    local b = byte(text, at)
    if not b then corrupt('a value is cut short') end
    at = at + 1
    if b < 128 then return n + b * scale end
    n, scale = n + (b - 128) * scale, scale * 128
  end
end

local function varint()
  local n = uvarint()
  if n % 2 == 0 then return n / 2 end
  return -(n + 1) / 2
end

local function take(n)
  if at + n - 1 > #text then corrupt('a value is cut short') end
  at = at + n
  return sub(text, at - n, at - 1)
end

local function reach(from, d)
  if d % 2 == 0 then return (floor(from / 1000) + d / 2) * 1000 end
  return from + floor(d / 2)
end

local function decode(v)
  local first = byte(v)
  if not first or first < 0x18 or first > 0x1f or #v < 32 then corrupt('a record is foreign or cut short') end
  local flags = first - 0x18
  local top, low = unpackb('>BI6', v, 10)
  local r = { -- with every member, since a table that grows is made anew
    check = sub(v, 2, 9), sections = floor(top / 32), seq = top % 32 * 281474976710656 + low,
    issued = 0, link = '', rotated = 0, seen = 0, expires = 0, deadline = 0, version = 0, rotation = 0, prev = '', rest = '',
  }
  text, at = v, 17
  local apart = 0
  if flags % 2 == 1 then
    apart = unpackb('>I6', take(6))
    if apart == 0 then apart = unpackb('>i8', take(8)) end
  end
  r.issued = r.seq - apart
  r.link = take(16)
  r.rotated = floor(r.seq / 1000) + varint()
  r.seen = r.rotated + varint()
  r.expires = reach(r.rotated, varint())
  if flags % 4 >= 2 then r.deadline = deadlineof(r.issued) else r.deadline = reach(r.expires, varint()) end
  r.version = flags >= 4 and uvarint() or 0
  r.rotation = uvarint()
  r.prev = r.rotation > 0 and take(8) or ''
  r.rest = sub(v, at)
  return r
end

-- sections returns the optional parts by number: 1 class, 2 binding, 3 metadata, 4 replays, 5 id.
local function sections(r)
  local out = {}
  text, at = r.rest, 1
  for _ = 1, r.sections do
    local first = byte(take(1))
    local n = first % 32
    if n == 31 then n = uvarint() end
    out[floor(first / 32)] = take(n)
  end
  if at <= #text then corrupt('a record is too long') end
  return out
end

-- restate writes the optional parts back.
local function restate(r, parts)
  r.rest, r.sections = '', 0
  for number = 1, 5 do
    local part = parts[number]
    if part and part ~= '' then
      local n = #part
      r.rest = r.rest .. (n < 31 and char(number * 32 + n) or char(number * 32 + 31) .. unsigned(n)) .. part
      r.sections = r.sections + 1
    end
  end
end

-- mark returns when a mark ends (ms) and its reason; nil for a record.
local function mark(v)
  if byte(v) ~= 0x12 then return nil end
  text, at = v, 10
  uvarint()
  local ending = varint()
  return ending, take(uvarint())
end

-- status judges a value: 'L' and its record, 'R' for revoked, 'U' for unknown.
local function status(v)
  if not v then return 'U' end
  local ending = mark(v)
  if ending then return ending * 1000 > now and 'R' or 'U' end
  local r = decode(v)
  if r.expires * 1000 <= now then return 'U', r end
  if r.seq <= h.cut then return 'R', r end
  return 'L', r
end

local function dead(s) return reply(s == 'R' and 'revoked' or 'notfound') end

-- lasts returns from when on nothing is lost with a value, in ms: its end, or for a record some time after the cut that ended
-- it. It reads no more of a record than that takes.
local function lasts(v)
  local ending = mark(v)
  if ending then return ending end
  local first = byte(v)
  if first < 0x18 or first > 0x1f then corrupt('a record is foreign') end
  local top, low = unpackb('>BI6', v, 10)
  local place = top % 32 * 281474976710656 + low
  text, at = v, 33 -- behind the link
  if first % 2 == 1 then at = unpackb('>I6', v, 17) == 0 and 47 or 39 end
  local rotated = floor(place / 1000) + varint()
  varint()
  local expires = reach(rotated, varint())
  if place <= h.cut then return min(expires, ceil((h.cuttime + dying) / 1000)) end
  return expires
end

local function removable(v) return lasts(v) * 1000 <= now end
