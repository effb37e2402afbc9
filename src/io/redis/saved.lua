#!lua flags=allow-oom
-- ts, then f, rev, version of each file as it was read and saved. It stays dirty if it was changed
-- since. A tombstone goes with its document.
local refusal = gate()
if refusal then return refusal end
local marks = {}
for i = 5, #ARGV, 3 do
  local f, rev, version = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local FILE = P .. 'file:' .. f
  local file = call('HMGET', FILE, 'rev', 'saved_rev', 'saved_version', 'deleted')
  local is_last = true
  if file[1] and number(file[1], 'rev') ~= rev then is_last = false end -- mutant 5
  if is_last then call('ZREM', DIRTY, f) end
  if file[4] and is_last then
    call('UNLINK', FILE)
  elseif file[1] and rev > (tonumber(file[2]) or 0) then
    call('HSET', FILE, 'saved_rev', rev)
    if version > (tonumber(file[3]) or 0) then call('HSET', FILE, 'saved_version', version) end
    if not file[4] then marks[#marks + 1] = '[' .. f .. ',' .. ARGV[i + 2] .. ']' end
  end
end
call('HSET', META, 'last_sync_timestamp', ARGV[4])
if #marks > 0 then
  local files = table.concat(marks, ',')
  hint('saved', '0', '0', '{"t":"saved","files":[' .. files .. '],"ts":' .. ARGV[4] .. '}')
end
return { 'ok', call('ZCARD', DIRTY) }
