-- Marks: ids barred alone.

-- room makes room for n more marks: it drops expired ones, and failing that raises the floor and drops all.
local function room(n)
  if n == 0 or h.marks + n <= maxmarks then return end
  local all, live = call('HGETALL', ledger), {}
  for i = 1, #all, 2 do
    local f, v = all[i], all[i + 1]
    if #f == 17 and byte(v) == 0x12 and edits[f] == nil then
      if mark(v) * 1000 <= now then drop(f, v) else live[f] = v end
    end
  end
  if h.marks + n <= maxmarks then return end
  h.floor, h.floortime, h.changed = seq(), max(h.floortime, now), true
  outlive(now / 1000)
  for f, v in pairs(live) do drop(f, v) end
end

-- bar marks fields, whose live records die. targets are {field, check, old value}, each field once and none under an
-- unexpired mark.
local function bar(reason, targets)
  room(#targets)
  local ending = ceil(max(h.time, now) / 1000 + marklife) -- a clock set back must not end it before its token
  for i, t in ipairs(targets) do
    local f, old = t[1], edits[t[1]]
    if old == nil then old = t[3] end
    barred[i] = f
    if i > maxmarks then -- the floor bars the rest; their records must die all the same
      if old then drop(f, old) end
    else
      if not old or byte(old) ~= 0x12 then h.marks = h.marks + 1 end
      edits[f] = char(0x12) .. t[2] .. char(0) .. signed(ending) .. unsigned(#reason) .. reason
      outlive(ending)
      due(ending)
    end
  end
end
