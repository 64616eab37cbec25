-- The form of records and marks, as internal/wire has it: writing.
local maxlife = 315360000000 -- ms, of a record without a deadline

local function deadlineof(issued) return floor((issued + maxlife * 1000 + 999) / 1000) end

local function distance(from, to)
  if to % 1000 == 0 then return (to / 1000 - floor(from / 1000)) * 2 end
  return (to - from) * 2 + 1
end

local function encode(r)
  local flags, apart, deadline, version = 0, '', '', ''
  if r.seq ~= r.issued then
    local diff = r.seq - r.issued
    flags = 1
    if diff > 0 and diff < 281474976710656 then apart = pack('>I6', diff) else apart = rep('\0', 6) .. pack('>i8', diff) end
  end
  if r.deadline == deadlineof(r.issued) then flags = flags + 2 else deadline = signed(distance(r.expires, r.deadline)) end
  if r.version > 0 then
    flags, version = flags + 4, unsigned(r.version)
  end
  return pack('>Bc8BI6', 0x18 + flags, r.check, r.sections * 32 + floor(r.seq / 281474976710656), r.seq % 281474976710656)
    .. apart .. r.link
    .. signed(r.rotated - floor(r.seq / 1000)) .. signed(r.seen - r.rotated) .. signed(distance(r.rotated, r.expires))
    .. deadline .. version .. unsigned(r.rotation) .. r.prev .. r.rest
end

local function drop(f, v)
  edits[f] = false
  if byte(v) == 0x12 then h.marks = h.marks - 1 end
end

-- put stores a changed record; was is when it expired before.
local function put(f, r, was)
  edits[f] = encode(r)
  if r.expires == was then return end
  outlive(r.expires)
  due(r.expires)
end
