#!lua
-- with files, load, people
--
-- cid (0: only look), k, nonce, user, [user, name, color] as JSON, the same inside a JSON object,
-- want_tree, lease_ms, load_ms, whether a restart may be trusted, ask_ms, save_after_ms.
local cid, k, nonce, user = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local words, who, want_tree = ARGV[8], ARGV[9], ARGV[10] == '1'
local lease_ms, load_ms, ask_ms = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[14])
local time, micros = now()
local meta = call('HMGET', META, 'state', 'run', 'name', 'e', 'people_rev', 'load_run')

-- Who has the loading lease is told so again; it was taken for a hello (nonce) of an instance.
local function load()
  local recover = meta[1] == 'recovering' or meta[1] and (meta[6] or meta[2]) ~= RUN
  local token, by, rest = lease(time)
  if token and (nonce == '0' or by ~= INSTANCE .. ' ' .. nonce) then
    return { 'wait', math.min(rest, 250) }
  end
  if not token then
    token = INSTANCE .. '.' .. int(micros)
    local held = meta[1] == 'ready' or meta[1] == 'recovering' -- is there more than a lease?
    call('HSET', META, 'state', held and 'recovering' or 'loading', 'load_token', token,
      'load_since', time, 'load_until', time + load_ms, 'load_run', RUN, 'load_by',
      INSTANCE .. ' ' .. nonce)
    if not held then call('PEXPIRE', META, load_ms) end
  end
  if call('ZCOUNT', 'weft:instances', time, '+inf') > 1 then ask_ms = math.max(ask_ms, 500) end
  return { 'load', token, recover and 1 or 0, ask_ms }
end

if meta[1] == 'ready' and meta[2] ~= RUN and ARGV[13] == '1' then
  call('HSET', META, 'run', RUN, 'tick', micros) -- no tick of before is met again
end
EPOCH = '' -- any
if gate() then return load() end

local function join()
  local had, asked = cid_get(cid)
  local again = nonce ~= '0' and asked == nonce and (k == 0 or k == tonumber(had))
  had = tonumber(had or 0)
  if again then
    k = had
  elseif k == 0 then
    k = had + 1
  elseif k <= had then
    return false
  end
  if ARGV[15] ~= '0' then call('ZADD', DUE, 'NX', time + ARGV[15], PROJECT) end
  if not (again and is_here(cid, time)) then
    cid_put(cid, int(k), nonce, time, user)
    call('HSET', PEOPLE, cid, '{"k":' .. int(k) .. ',"inst":"' .. INSTANCE .. '",' .. who .. '}')
    call('HINCRBY', META, 'people_rev', 1)
    hint('join', cid, int(k), words)
  end
  call('ZADD', MEMBERS, time + lease_ms, cid)
  return true
end

if cid ~= '0' and not join() then return { 'straggler' } end
local files = {}
for path, f in pairs(want_tree and tree() or {}) do
  local file = call('HMGET', P .. 'file:' .. f, 'version', 'len', 'size', 'saved_version', 'rev',
    'eol')
  local one = { f, path }
  for i = 1, 5 do
    one[#one + 1] = file[i] or 0
  end
  one[#one + 1] = file[6] or 'lf'
  files[#files + 1] = one
end
local last = call('HMGET', META, 'people_rev', 'next_file')
return { 'ok', epoch, meta[3], meta[4], k, tick, last[1], last[2], files,
  want_tree and people(time) or {} }
