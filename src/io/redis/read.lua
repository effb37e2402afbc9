#!lua flags=no-writes
-- f, and 'text', or the version after which entries are wanted.
local f, after = ARGV[4], tonumber(ARGV[5])
local FILE = P .. 'file:' .. f
local refusal = gate()
if refusal then return refusal end
local file = call('HMGET', FILE, 'version', 'rev', 'content_version', 'saved_version', 'path',
  'eol', 'updated_at', 'updated_by', 'deleted')
if not file[1] or file[9] then
  local next_file = number(call('HGET', META, 'next_file'), 'next_file')
  return { tonumber(f) > 0 and tonumber(f) < next_file and 'gone' or 'no_file' }
end
local version, content_version = number(file[1], 'version'), number(file[3], 'content_version')
local from = after or content_version
local entries = from <= version and messages(f, from, version)
if not entries then
  if after then return { 'trimmed' } end
  error({ err = 'BROKEN the log does not reach back to the text in ' .. FILE })
end
local text = after and {} or { call('HGET', FILE, 'content') }
local seen = after and {} or call('HGETALL', P .. 'seen:' .. f)
return { 'ok', version, file[2], content_version, file[4], file[5], file[6], file[7], file[8],
  entries, text, seen }
