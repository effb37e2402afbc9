#!lua flags=no-writes
-- Room events after this one.
local after, refusal = tonumber(ARGV[4]), gate()
if refusal then return refusal end
local e = number(call('HGET', META, 'e'), 'e')
local list = after < e and call('XRANGE', P .. 'events', int(after + 1) .. '-0', '+') or {}
if #list ~= e - after then return { 'trimmed' } end
for i = 1, #list do
  list[i] = list[i][2][2]
end
return { 'ok', list }
