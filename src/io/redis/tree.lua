#!lua
-- with files, json
--
-- op, by, nonce, f, from (a folder, or ''), path, text, eol, length in UTF-16 units, files_max, how
-- many events are kept, save_after_ms. Once per (by, nonce): the same request is told what it did.
local op, by, nonce, f, from, path = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local text, eol, len, files_max = ARGV[10], ARGV[11], ARGV[12], tonumber(ARGV[13])
local keep, after = tonumber(ARGV[14]), tonumber(ARGV[15])
local EVENTS, ASKED = P .. 'events', P .. 'asked'
local time, refusal = now(), gate()
if refusal then return refusal end
local meta = call('HMGET', META, 'e', 'next_file')
local e, next_file = number(meta[1], 'e') + 1, number(meta[2], 'next_file')

-- f, rev and path of each file, as they are after the change.
local function answer(event, list)
  local words = {}
  for _, one in ipairs(list) do
    words[#words + 1] = one.f
    words[#words + 1] = one.rev
    words[#words + 1] = one.path
  end
  return { 'ok', event, words }
end

local request = by .. ' ' .. nonce
local done = nonce ~= '0' and call('HGET', ASKED, request)
local event = done and call('XRANGE', EVENTS, done .. '-0', done .. '-0')[1]
if event then
  local was, list = cjson.decode(event[2][2]), {}
  for _, one in ipairs(was.list or { { was.f, was.path } }) do
    local id = int(one[1])
    list[#list + 1] = { f = id, path = one[2], rev = call('HGET', P .. 'file:' .. id, 'rev') or 0 }
  end
  return answer(done, list)
end

-- Is a file the one, or in the folder, that the request is about?
local function is_chosen(id, at)
  if op == 'create' then return false end
  if from == '' then return id == f end
  return at ~= from and string.sub(at, 1, #from) == from
end

-- Those, and the rest of the tree.
local chosen, files, folders, count = {}, {}, {}, 0
for at, id in pairs(tree()) do
  count = count + 1
  if is_chosen(id, at) then
    chosen[#chosen + 1] = { f = id, was = at, path = at }
  else
    files[at] = true
    for slash in string.gmatch(at, '()/') do
      folders[string.sub(at, 1, slash - 1)] = true
    end
  end
end

local function taken(at)
  if files[at] or folders[at] then return true end
  for slash in string.gmatch(at, '()/') do
    if files[string.sub(at, 1, slash - 1)] then return true end
  end
end

if op == 'create' then
  if taken(path) then return { 'exists' } end
  if files_max > 0 and count >= files_max then return { 'full' } end
  chosen[1] = { f = int(next_file), path = path, rev = 1 }
  next_file = next_file + 1
elseif #chosen == 0 then
  return { 'no_file' }
end
if op == 'rename' and from ~= '' and taken(string.sub(path, 1, -2)) then return { 'exists' } end
for _, one in ipairs(chosen) do
  if op ~= 'create' then
    one.rev = number(call('HGET', P .. 'file:' .. one.f, 'rev'), 'rev') + 1
  end
  if op == 'rename' then
    one.path = from == '' and path or path .. string.sub(one.was, #from + 1)
    local _, slashes = string.gsub(one.path, '/', '')
    if #one.path > 512 or slashes > 31 then return { 'full' } end
    if taken(one.path) then return { 'exists' } end
  end
end
table.sort(chosen, function(a, b)
  return tonumber(a.f) < tonumber(b.f)
end)

-- The event as clients get it.
local line = '{"t":"fs","e":' .. int(e)
if by ~= '0' then line = line .. ',"by":' .. by end
line = line .. ',"op":"' .. op .. '"'
if from ~= '' then
  local list = {}
  for _, one in ipairs(chosen) do
    list[#list + 1] = '[' .. one.f .. ',' .. quoted(one.path) .. ']'
  end
  line = line .. ',"list":[' .. table.concat(list, ',') .. ']}'
else
  line = line .. ',"f":' .. chosen[1].f .. ',"path":' .. quoted(chosen[1].path)
  if op == 'create' then line = line .. ',"len":' .. len end
  if op == 'create' and eol ~= 'lf' then
    line = line .. ',"eol":' .. quoted(eol == 'cr' and '\r' or '\r\n')
  end
  line = line .. '}'
end

-- Gone: what it was named by, until its document is gone too.
local function delete(one)
  local key = P .. 'file:' .. one.f
  local file = call('HMGET', key, 'version', 'saved_rev')
  call('UNLINK', key, P .. 'log:' .. one.f, P .. 'seen:' .. one.f)
  if after == 0 and file[2] == '0' then
    call('ZREM', DIRTY, one.f) -- no repository has it
  else
    call('HSET', key, 'path', one.path, 'version', file[1] or 0, 'rev', one.rev, 'saved_rev',
      file[2] or 0, 'deleted', 1, 'updated_at', time, 'updated_by', by)
  end
end

for _, one in ipairs(chosen) do
  mark(one.f, time, after)
end
call('XADD', EVENTS, 'MAXLEN', keep, int(e) .. '-0', 'm', line)
call('HSET', META, 'e', e, 'next_file', next_file)
for _, one in ipairs(chosen) do
  if one.was then call('HDEL', TREE, one.was) end
end
for _, one in ipairs(chosen) do
  if op == 'create' then
    put_file(one.f, new_file(path, eol, len, text, time, by))
  elseif op == 'rename' then
    call('HSET', P .. 'file:' .. one.f, 'path', one.path, 'rev', one.rev, 'updated_at', time,
      'updated_by', by)
    call('HSET', TREE, one.path, one.f)
  else
    delete(one)
  end
end
if nonce ~= '0' then
  call('HSET', ASKED, request, int(e))
  if call('HLEN', ASKED) > 2 * keep then
    local all = call('HGETALL', ASKED)
    for i = 1, #all, 2 do
      if tonumber(all[i + 1]) <= e - keep then call('HDEL', ASKED, all[i]) end
    end
  end
end
hint('event', int(e), '0', line)
return answer(int(e), chosen)
