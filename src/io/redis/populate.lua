#!lua
-- with files, load
--
-- token, epoch, name, template, e, next_file, save_after_ms, how many are deleted, (f, rev, path)…
-- of those: tombstones; then f, version, rev, saved_version, saved_rev, path, eol, length in UTF-16
-- units, dirty, updated_at, updated_by, text, count, (cid, n)… of each file. What was there before
-- goes. What was done already is not done again.
local token, time, micros = ARGV[4], now()
local meta = call('HMGET', META, 'state', 'run', 'epoch', 'live')
local is_done = meta[1] == 'ready' and meta[2] == RUN and meta[3] == ARGV[5] and meta[4] == token
if is_done then return { 'ok' } end
if lease(time) ~= token then return { 'lost' } end
erase()
epoch, tick = ARGV[5], micros
call('HSET', META, 'state', 'ready', 'epoch', epoch, 'run', RUN, 'live', token, 'name', ARGV[6],
  'template', ARGV[7], 'e', ARGV[8], 'next_file', ARGV[9], 'tick', tick, 'people_rev', micros)
local at = 12
for _ = 1, tonumber(ARGV[11]) do
  mark(ARGV[at], time, 0)
  call('HSET', P .. 'file:' .. ARGV[at], 'path', ARGV[at + 2], 'version', 0, 'rev', ARGV[at + 1],
    'saved_rev', 0, 'deleted', 1, 'updated_at', time, 'updated_by', 0)
  at = at + 3
end
while at <= #ARGV do
  local f, file = ARGV[at], {}
  file.version, file.rev, file.saved_version, file.saved_rev = unpack(ARGV, at + 1, at + 4)
  file.path, file.eol, file.len = unpack(ARGV, at + 5, at + 7)
  file.updated_at, file.updated_by, file.text = unpack(ARGV, at + 9, at + 11)
  put_file(f, file)
  if ARGV[at + 8] == '1' then mark(f, time, 0) end
  local count = ARGV[at + 12]
  at = at + 13
  for i = at, at + 2 * count - 1, 2 do
    call('HSET', P .. 'seen:' .. f, ARGV[i], ARGV[i + 1])
  end
  at = at + 2 * count
end
if ARGV[10] ~= '0' then call('ZADD', DUE, 'NX', time + ARGV[10], PROJECT) end
hint('ready', string.match(epoch, '^%d+'), '0')
return { 'ok' }
