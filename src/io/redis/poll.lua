#!lua flags=no-writes
-- with people
--
-- tick and people_rev that the caller knows, then the files whose versions it wants.
local refusal = gate()
if refusal then return refusal end
local meta, marks = call('HMGET', META, 'e', 'people_rev'), {}
if tonumber(ARGV[4]) ~= tick then
  for i = 6, #ARGV do
    local file = call('HMGET', P .. 'file:' .. ARGV[i], 'version', 'saved_version', 'deleted')
    marks[#marks + 1] = (not file[1] or file[3]) and { ARGV[i] } or { ARGV[i], file[1], file[2] }
  end
end
local same = ARGV[5] == meta[2]
return { 'ok', tick, meta[1], meta[2], marks, same and 0 or 1, same and {} or people((now())) }
