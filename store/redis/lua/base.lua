-- What every script begins with: its arguments, the store's time, numbers of variable length.
-- Writes come last in every script: an error before them has changed nothing.
local ledger, stream = KEYS[1], KEYS[2]
local check, subject, nonce = string.sub(ARGV[2], 1, 8), string.sub(ARGV[2], 9, 24), string.sub(ARGV[2], 25, 40)
local marklife, keep, maxmarks = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]) -- ms, ms, number
local bell, durable = ARGV[6], ARGV[7] == '1'
local args = 8 -- where the verb's own arguments begin

local byte, char, sub, rep = string.byte, string.char, string.sub, string.rep
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local call, pack, unpackb = redis.call, struct.pack, struct.unpack
local zero7 = rep('\0', 7)

local function corrupt(what) error({err = 'JETONCORRUPT ' .. what}) end

local now = tonumber(ARGV[1]) -- µs; a test's clock in the place of the server's
if not now then
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end
if now < 0 or now >= 7258118400000000 then error({err = 'JETONCLOCK the server shows no year from 1970 to 2199'}) end

-- The reader of variable-length numbers: a text and a place in it.
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

local function unsigned(n)
  local out = ''
  while n >= 128 do
    out, n = out .. char(n % 128 + 128), floor(n / 128)
  end
  return out .. char(n)
end

local function signed(n)
  if n < 0 then return unsigned(-2 * n - 1) end
  return unsigned(2 * n)
end
