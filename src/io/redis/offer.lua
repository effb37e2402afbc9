#!lua flags=allow-oom
-- with load
--
-- How long offers are kept in ms; 1 and epoch number, e, next_file, name, template, count,
-- (f, path, eol, version)… of the tree, or 0; then f, epoch number, version, rev, path, eol,
-- updated_at, updated_by, text, count, (cid, n)… of each file. The best of each is kept, packed.
if not lease((now())) then return { 'lost' } end
local at = 5

local function take(count)
  at = at + count
  return { unpack(ARGV, at - count, at - 1) }
end

-- By the second and third word for a file, the first and second for the tree.
local function better(field, one, major, minor)
  local was = call('HGET', OFFERS, field)
  if not was then return true end
  local best = cmsgpack.unpack(was)
  local a, b = tonumber(one[major]), tonumber(best[major])
  return a > b or a == b and tonumber(one[minor]) > tonumber(best[minor])
end

local function keep(field, one, major, minor)
  if better(field, one, major, minor) then call('HSET', OFFERS, field, cmsgpack.pack(one)) end
end

-- A list of words of its own, in pieces: unpack has a limit.
local function take_list(count)
  local list = {}
  for i = at, at + count - 1 do
    list[#list + 1] = ARGV[i]
  end
  at = at + count
  return list
end

if ARGV[at] == '1' then
  at = at + 1
  local tree_offer = take(5)
  tree_offer[6] = take_list(4 * take(1)[1])
  keep('tree', tree_offer, 1, 2)
else
  at = at + 1
end
while at <= #ARGV do
  local file = take(9)
  file[10] = take_list(2 * take(1)[1])
  keep(file[1], file, 2, 3)
end
call('PEXPIRE', OFFERS, ARGV[4])
return { 'ok' }
