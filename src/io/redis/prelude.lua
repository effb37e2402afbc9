-- What stands before every script, at build time: its parameters, the gate, and what a change does.
-- Behind it come the parts that the script's second line names. KEYS[1] is weft:{project}:meta, and
-- all other keys follow from it; nothing that a user typed is in a key. ARGV begins with epoch, run
-- and instance of the caller.
--
-- Redis does not roll back. So a script does everything that can be refused before its first write,
-- and of its writes first those that do no harm alone: a mark of dirtiness, an entry in weft:due.
--
-- Lua's numbers are exact to 2^53, but tostring and .. print 14 digits of them: int() prints all.
-- A cid is never made a number here.
local call, META = redis.call, KEYS[1]
local CHANNEL, P = string.sub(META, 1, -6), string.sub(META, 1, -5)
local PROJECT = string.sub(CHANNEL, 7, -2)
local EPOCH, RUN, INSTANCE = ARGV[1], ARGV[2], ARGV[3]
local CIDS, DIRTY, DUE = P .. 'cids', P .. 'dirty', 'weft:due'
local BODY_MAX = 65536 -- of a hint: HINT_BODY_MAX
local epoch, tick -- set by gate

local function int(number)
  return string.format('%.0f', number)
end

-- What is stored must be a number; else the caller is told STATE_BROKEN.
local function number(text, what)
  return tonumber(text) or error({ err = 'BROKEN ' .. what .. ' is no number in ' .. CHANNEL })
end

-- Milliseconds, and microseconds, since 1970 by Redis' own clock.
local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000), time[1] * 1000000 + time[2]
end

-- Nil where the project is here, of this run of Redis and of the caller's epoch ('' believes in
-- none); else the answer.
local function gate()
  local meta = call('HMGET', META, 'state', 'run', 'epoch', 'tick')
  if not meta[1] then return { 'unloaded' } end
  if meta[1] ~= 'ready' then return { 'loading' } end
  if meta[2] ~= RUN then return { 'restarted' } end
  if EPOCH ~= '' and meta[3] ~= EPOCH then return { 'epoch' } end -- mutant 6
  epoch, tick = meta[3], number(meta[4], 'tick')
end

-- One more change: told on the channel, with lines of JSON where they are not too many.
local function hint(kind, a, b, body, seal)
  tick = tick + 1
  call('HSET', META, 'tick', tick)
  local words = { kind, epoch, int(tick), INSTANCE, a, b }
  if body and #body <= BODY_MAX then
    if seal and seal ~= '' then words[7] = seal end
    words[#words] = words[#words] .. '\n' .. body
  end
  call('PUBLISH', CHANNEL, table.concat(words, ' '))
end

-- The log's messages after a version up to another, or nil where they are not all there.
local function messages(f, after, upto)
  if after == upto then return {} end
  local list = call('XRANGE', P .. 'log:' .. f, int(after + 1) .. '-0', int(upto) .. '-0')
  if #list ~= upto - after then return nil end
  for i = 1, #list do
    list[i] = list[i][2][2]
  end
  return list
end

-- What changed is dirty, and its project due to be saved after so many ms (0: nowhere to save it).
-- Where it was dirty before, it is due already. While somebody has it claimed that is when it ends.
local function mark(f, at, after)
  if call('ZADD', DIRTY, at, f) == 1 and after > 0 then
    local is_claimed = call('HEXISTS', 'weft:claims', PROJECT) == 1
    call('ZADD', DUE, is_claimed and 'NX' or 'LT', at + after, PROJECT)
  end
end
