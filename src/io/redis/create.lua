#!lua
-- with files
--
-- The new epoch, name, template, save_after_ms, then path, eol, length in UTF-16 units, text of
-- each file. All are dirty: nothing has saved them yet.
local time, micros = now()
local state = call('HGET', META, 'state')
if state then return { state == 'loading' and 'busy' or 'exists' } end
local taken, f = {}, 0
erase() -- offers that nobody took
for i = 8, #ARGV, 4 do
  local path = ARGV[i]
  local free = not taken[path]
  for at in string.gmatch(path, '()/') do
    free = free and taken[string.sub(path, 1, at - 1)] ~= 'file'
  end
  if free then
    f = f + 1
    taken[path] = 'file'
    for at in string.gmatch(path, '()/') do
      taken[string.sub(path, 1, at - 1)] = 'folder'
    end
    mark(f, time, 0)
    put_file(f, new_file(path, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], time, 0))
  end
end
call('HSET', META, 'state', 'ready', 'epoch', ARGV[4], 'run', RUN, 'live', '', 'name', ARGV[5],
  'template', ARGV[6], 'tick', micros, 'people_rev', micros, 'next_file', f + 1, 'e', 0)
if ARGV[7] ~= '0' then call('ZADD', DUE, time + ARGV[7], PROJECT) end
return { 'ok' }
