#!lua
-- f, expect, delta of its length, save_after_ms, seal or '', then by, n, k, message of each entry.
-- All or none.
local f, expect, delta, after = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local FILE, SEEN = P .. 'file:' .. f, P .. 'seen:' .. f
local refusal = gate()
if refusal then return refusal end
local file = call('HMGET', FILE, 'version', 'rev', 'len', 'deleted')
if not file[1] or file[4] then return { 'gone' } end
local version, rev = number(file[1], 'version'), number(file[2], 'rev')
local len = number(file[3], 'len') + delta
if expect > version then return { 'epoch' } end
if expect < version then
  local missing = messages(f, expect, version)
  return { missing and 'conflict' or 'trimmed', version, rev, missing or {} }
end

local by, lines, last = {}, {}, {}
for at = 9, #ARGV, 4 do
  by[#by + 1], lines[#lines + 1] = ARGV[at], ARGV[at + 3]
end
local cids, seen = call('HMGET', CIDS, unpack(by)), call('HMGET', SEEN, unpack(by))
for i, cid in ipairs(by) do
  local n, k = ARGV[4 * i + 6], ARGV[4 * i + 7]
  if k ~= '0' and string.match(cids[i] or '', '^%d+') ~= k then return { 'fenced', i - 1 } end
  local highest = tonumber(last[cid] or seen[i] or 0)
  if tonumber(n) <= highest then return { 'seen', i - 1 } end -- mutant 4
  last[cid] = n
end

local time = now()
mark(f, time, after)
for i, line in ipairs(lines) do
  call('XADD', P .. 'log:' .. f, int(version + i) .. '-0', 'm', line)
end
version, rev = version + #lines, rev + #lines
call('HSET', FILE, 'version', version, 'rev', rev, 'len', len, 'updated_at', time,
  'updated_by', by[#by])
for cid, n in pairs(last) do
  call('HSET', SEEN, cid, n)
end
hint('edits', f, int(version), table.concat(lines, '\n'), ARGV[8])
return { 'ok', version, rev }
