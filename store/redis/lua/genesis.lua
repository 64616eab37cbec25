-- Opens a partition's feed, whose key stands for both: appends its genesis where there is none.
local function genesis()
  tell(false)
  return reply('ok', tail.birth)
end
