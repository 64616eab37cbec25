-- What every verb stands on: its arguments and the store's time. The text is the library of a Redis function, loaded once, and
-- with one verb behind it a script; so whatever a call sets is set anew by begin. Writes come last in every verb: an error
-- before them has changed nothing.
local argv, ledger, stream, tails, part, check, subject, nonce, bell, durable
local marklife, keep, maxmarks -- ms, ms, number
local args = 4                 -- where the verb's own arguments begin
local now                      -- µs
local h                        -- the head of the ledger
local edits, ends              -- field -> new value or false; when the ledger may go at the earliest, after this step (ms)
local barred                   -- the fields newly barred, for the feed
local tail                     -- the feed's last event: id, nonce, birth; id false where there is none
local rang                     -- how often the bell was rung

-- The server's libraries. A library of functions is loaded without them, and finds them when it is called.
local byte, char, sub, rep, floor, ceil, max, min, call, pack, unpackb

local function corrupt(what) error({err = 'JETONCORRUPT ' .. what}) end

local function begin(keys, given)
  if not byte then
    byte, char, sub, rep = string.byte, string.char, string.sub, string.rep
    floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
    call, pack, unpackb = redis.call, struct.pack, struct.unpack
  end
  argv, ledger, stream, tails = given, keys[1], keys[2], keys[3] -- no tails in a cluster
  check, subject, nonce, marklife, keep, maxmarks, durable, part = unpackb('>c8c16c16I6I6I4BB', given[2])
  bell, durable = given[3], durable == 1
  h, tail, edits, barred, ends, rang = nil, nil, {}, {}, 0, 0
  if given[1] == '' then
    local t = call('TIME')
    now = t[1] * 1000000 + t[2]
  else
    now = tonumber(given[1]) -- a test's clock in the place of the server's
  end
  if now < 0 or now >= 7258118400000000 then error({err = 'JETONCLOCK the server shows no year from 1970 to 2199'}) end
end

local never = 281474976710655 -- ms, the last that six bytes hold

-- present is a number, and nil for zero.
local function present(n) return n ~= 0 and n or nil end

local function unsigned(n)
  if n < 128 then return char(n) end
  if n < 16384 then return char(n % 128 + 128, floor(n / 128)) end
  if n < 2097152 then return char(n % 128 + 128, floor(n / 128) % 128 + 128, floor(n / 16384)) end
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
