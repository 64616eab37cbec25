local function others()
  local op, keepfield, keeptext = argv[args], argv[args + 1], argv[args + 2]
  local class, reason, keepcheck = argv[args + 3], argv[args + 4], argv[args + 5]
  local got = call('HMGET', ledger, 'h', 'x', 'o', keepfield)
  open(got, 4)
  local r
  if keepfield ~= '' then
    local s
    mine(got[4], keepcheck)
    s, r = status(got[4])
    if s ~= 'L' then return dead(s) end
  end
  if class ~= '' then
    local all, targets = call('HGETALL', ledger), {}
    for i = 1, #all, 2 do
      local f, v = all[i], all[i + 1]
      if #f == 17 and f ~= keepfield then
        local s, other = status(v)
        if s == 'L' and sections(other)[1] == class then targets[#targets + 1] = {f, other.check, v} end
      end
    end
    if #targets == 0 then
      again(got[1])
      return reply('ok')
    end
    bar(reason, targets)
    finish(true)
    return reply('ok')
  end
  for i = 1, #(got[3] or ''), 16 do
    if sub(got[3], i, i + 15) == op then
      again(got[1])
      return reply('ok')
    end
  end
  local earlier = h.cut
  cut(op, got[3])
  if h.keep ~= keepfield .. keeptext then -- of one session kept twice, the tokens of before the first cut still live
    h.keep, h.keptcut = keepfield .. keeptext, earlier
  end
  h.changed = true
  r.seq = seq()
  put(keepfield, r, r.expires)
  finish(true)
  return reply('ok')
end
