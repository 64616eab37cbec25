-- Revoke of all, and Forget.
local function all()
  local op, forget = argv[args], argv[args + 1] == '1'
  local got = call('HMGET', ledger, 'h', 'x', 'o')
  open(got, 3)
  for i = 1, #(got[3] or ''), 16 do
    if sub(got[3], i, i + 15) == op then
      again(got[1])
      return reply('ok')
    end
  end
  cut(op, got[3])
  h.keep, h.keptcut, h.changed = '', 0, h.extra
  if forget and not h.fresh then
    if h.marks > 0 then
      local all = call('HGETALL', ledger)
      for i = 1, #all, 2 do
        if #all[i] == 17 and byte(all[i + 1]) == 0x12 then edits[all[i]] = all[i + 1] end
      end
    end
    h.fresh, h.unlink = true, true
  end
  if forget then finish(true, false) else finish(true) end
  return reply('ok')
end
