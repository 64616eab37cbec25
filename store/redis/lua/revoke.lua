-- Revoke of ids: a reason, then fields and the checks of their marks.
local function revoke()
  local reason = argv[args]
  local fields = {}
  for i = args + 1, #argv, 2 do fields[#fields + 1] = argv[i] end
  local got = call('HMGET', ledger, 'h', 'x', unpack(fields))
  open(got, #fields + 2)
  local targets = {}
  for i, f in ipairs(fields) do
    local v = got[i + 2]
    local ending = v and mark(v)
    local foreign = v and sub(v, 2, 9) ~= argv[args + 2 * i] -- a mark that bars nothing: it is not what it says
    if not ending or ending * 1000 <= now or foreign then targets[#targets + 1] = {f, argv[args + 2 * i], v} end
  end
  if #targets == 0 then
    again(got[1])
    return reply('ok')
  end
  bar(reason, targets)
  finish(true, nil, true)
  return reply('ok')
end
