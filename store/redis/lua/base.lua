-- What every script begins with: its arguments and the store's time. Functions cost each call what it takes to make them,
-- so those that not every call needs are made when they are asked for. Writes come last in every script: an error before them has changed nothing.
local ledger, stream = KEYS[1], KEYS[2]
local check, subject, nonce = string.sub(ARGV[2], 1, 8), string.sub(ARGV[2], 9, 24), string.sub(ARGV[2], 25, 40)
local marklife, keep, maxmarks = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]) -- ms, ms, number
local bell, durable = ARGV[6], ARGV[7] == '1'
local args = 8 -- where the verb's own arguments begin

local byte, char, sub, rep = string.byte, string.char, string.sub, string.rep
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local call, pack, unpackb = redis.call, struct.pack, struct.unpack

local function corrupt(what) error({err = 'JETONCORRUPT ' .. what}) end

local now = tonumber(ARGV[1]) -- µs; a test's clock in the place of the server's
if not now then
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end
if now < 0 or now >= 7258118400000000 then error({err = 'JETONCLOCK the server shows no year from 1970 to 2199'}) end

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
