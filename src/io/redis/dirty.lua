#!lua flags=no-writes
-- How many files at most, the longest unchanged first.
EPOCH = '' -- any
local refusal = gate()
if refusal then return refusal end
local meta, files = call('HMGET', META, 'e', 'next_file'), {}
for _, f in ipairs(call('ZRANGE', DIRTY, 0, ARGV[4] - 1)) do
  local file = call('HMGET', P .. 'file:' .. f, 'rev', 'version', 'path', 'deleted')
  if file[1] then
    files[#files + 1] = { f, file[1], file[2] or 0, file[3] or '', file[4] and 1 or 0 }
  end
end
return { 'ok', epoch, call('ZCOUNT', P .. 'members', (now()), '+inf'), meta[1], meta[2], files }
