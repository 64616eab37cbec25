-- The end of every step that changes something: pruning, the write, the events.

-- prune removes the dead among entries that were taken at random: eight on every fourth write that adds one, so that what adds
-- pays for the cleaning, two entries each; and none before the first can be dead, which is known again once all were seen. A
-- damaged one ends it, and must not stand in the way.
local sample = 8
local function prune(got)
  for i = 1, #got, 2 do
    local f, v = got[i], got[i + 1]
    if #f == 17 and edits[f] == nil then
      if removable(v) then drop(f, v) end
    end
  end
  if #got >= 2 * sample then return end
  local first = never
  for i = 1, #got, 2 do
    if #got[i] == 17 and edits[got[i]] == nil then first = min(first, lasts(got[i + 1])) end
  end
  for _, v in pairs(edits) do
    if v then first = min(first, lasts(v)) end
  end
  h.due = first
end

-- tell appends to the feed: its genesis where it is not there, whose birth is new after a loss; and where told is true the
-- step, in as many events as the ids need. An event's nonce is random, and counts the time and the step's events: a call that is
-- repeated on a server that lost it tells another event, whose tail must not pass for the first one's.
function tell(told)
  last()
  local function append(event)
    if tails then call('SETRANGE', tails, 8 * part, sub(event, 2, 9)) end -- first: what is not told must not be taken for known
    local ms = floor(now / 1000)
    if tail.id then ms = max(ms, tonumber(string.match(tail.id, '^(%d+)'))) end -- the order does not follow a clock set back
    local id = redis.pcall('XADD', stream, string.format('%.0f-*', ms), 'e', event)
    if type(id) == 'table' then id = call('XADD', stream, '*', 'e', event) end -- the stream has seen a later one
    if bell ~= '' then -- a bell may be lost: one that is denied must not fail what is told already
      local heard = redis.pcall('PUBLISH', bell, stream .. ' ' .. (tail.id or '0-0') .. ' ' .. id .. ' ' .. tail.nonce .. event)
      if type(heard) == 'table' then rang, bell = -1, '' else rang = rang + 1 end
    end
    tail.id, tail.nonce = id, sub(event, 2, 9)
  end
  if not tail.id then
    append(pack('>Bc5I3c16I7I7c36', 0x10, sub(nonce, 9), now % 16777216, rep('\0', 16), tail.birth, now, rep('\0', 36)))
  end
  if not told then return end
  local kept, i, notices = sub(h.keep, 1, 17), 1, 0
  repeat
    append(pack('>Bc5I3c16I7I7I7I7I7I7I7B', 0x10, nonce, (now + notices) % 16777216, subject, tail.birth, now, h.cut, h.cuttime,
      h.floor, h.floortime, h.keptcut, #kept) .. kept .. table.concat(barred, '', i, min(i + 255, #barred)))
    i, notices = i + 256, notices + 1
  until i > #barred
  -- The feed is trimmed every eighth time. The last event that is too old stays: followers stand there after a quiet time.
  if byte(nonce, 10) % 8 ~= 0 then return end
  local bound = floor(now / 1000) - marklife
  local first = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
  if tonumber(string.match(first, '^(%d+)')) < bound then -- or the search would walk through the whole feed
    local old = call('XREVRANGE', stream, string.format('(%.0f', bound), '-', 'COUNT', 1)[1]
    call('XTRIM', stream, 'MINID', '~', old[1])
  end
end

local function many(command, list)
  for i = 1, #list, 4000 do call(command, ledger, unpack(list, i, min(i + 3999, #list))) end
end

-- finish writes the step. An event is due where told is true or ids were barred; name is the subject's text, false to
-- erase it. grows says that the ledger may have more entries than before, so that it must be pruned.
local function finish(told, name, grows)
  told = told or #barred > 0
  if grows and not h.fresh and now >= h.due * 1000 and byte(nonce, 9) % 4 == 0 then
    pcall(prune, call('HRANDFIELD', ledger, sample, 'WITHVALUES'))
  end
  h.time = max(h.time, now)
  if told then tell(true) end -- before the ledger: a follower may know too much, and never too little
  if h.unlink then call('UNLINK', ledger) end -- whatever its size; what must stay is written anew
  local later = h.fresh or ends > h.ends
  if later then h.ends = max(ends, h.ends) + floor(keep / 8) end -- or every write would have to move it on
  local set, del = {'h', pack('>Bc8I7I7I7I7I2I6I6', 0x11, check, h.seq, h.cut, h.cuttime, h.time, h.marks, h.ends, h.due)}, {}
  local n = 2
  if h.changed then
    set[3], set[4], n = 'x', pack('>Bc8I7I7I7', 0x17, check, h.floor, h.floortime, h.keptcut) .. h.keep, 4
  end
  if h.ops then set[n + 1], set[n + 2], n = 'o', h.ops, n + 2 end
  if name then set[n + 1], set[n + 2], n = 's', name, n + 2 end
  for f, v in pairs(edits) do
    if v then set[n + 1], set[n + 2], n = f, v, n + 2 else del[#del + 1] = f end
  end
  if name == false then del[#del + 1] = 's' end
  if n <= 4000 then call('HSET', ledger, unpack(set)) else many('HSET', set) end
  if #del > 0 then many('HDEL', del) end
  if later then call('PEXPIREAT', ledger, string.format('%.0f', h.ends)) end
end
