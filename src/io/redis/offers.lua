#!lua flags=no-writes
-- with files, load
--
-- token. What was offered, and what Redis has itself where it recovers; in the words of offer.lua,
-- a file with its content_version and entries behind them.
if lease((now())) ~= ARGV[4] then return { 'lost' } end
local highest, trees, files = 0, {}, {}

local function add(list, one, major)
  highest = math.max(highest, tonumber(one[major]))
  list[#list + 1] = one
end

local all = call('HGETALL', OFFERS)
for i = 1, #all, 2 do
  local one = cmsgpack.unpack(all[i + 1])
  if all[i] == 'tree' then
    add(trees, one, 1)
  else
    one[11], one[12] = one[3], {}
    add(files, one, 2)
  end
end

-- Its own: text and the entries behind it, as far as they are there.
local function own_file(era, f)
  local file = call('HMGET', P .. 'file:' .. f, 'content_version', 'rev', 'path', 'eol',
    'updated_at', 'updated_by', 'content')
  local version = tonumber(file[1])
  if not version or not file[7] then return end
  local entries, last = {}, version
  for _, entry in ipairs(call('XRANGE', P .. 'log:' .. f, int(version + 1) .. '-0', '+')) do
    last = last + 1
    if entry[1] ~= int(last) .. '-0' then break end
    entries[#entries + 1] = entry[2][2]
  end
  add(files, { f, era, version + #entries, file[2] or 0, file[3] or '', file[4] or 'lf',
    file[5] or 0, file[6] or 0, file[7], call('HGETALL', P .. 'seen:' .. f), version, entries }, 2)
end

local meta = call('HMGET', META, 'state', 'epoch', 'e', 'next_file', 'name', 'template')
local era = string.match(meta[2] or '', '^%d+')
if meta[1] == 'recovering' and era then
  local list = {}
  for path, f in pairs(tree()) do
    own_file(era, f)
    local file = call('HMGET', P .. 'file:' .. f, 'eol', 'version')
    for _, word in ipairs({ f, path, file[1] or 'lf', file[2] or 0 }) do
      list[#list + 1] = word
    end
  end
  add(trees, { era, meta[3] or 0, meta[4] or 1, meta[5] or '', meta[6] or '', list }, 1)
end
return { 'ok', highest, trees, files }
