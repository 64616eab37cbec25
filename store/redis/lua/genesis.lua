-- Opens a partition's feed, whose key stands for both: appends its genesis where there is none.
tell(false)
return reply('ok', tail.birth)
