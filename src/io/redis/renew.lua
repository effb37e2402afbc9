#!lua flags=allow-oom
-- with people
--
-- lease_ms, then cid, k of each session here. Leases that ended anywhere are removed. A session
-- whose own lease had ended is back.
local refusal = gate()
if refusal then return refusal end
local time = now()
for i = 5, #ARGV, 2 do
  local cid, k = ARGV[i], ARGV[i + 1]
  local who = cid_get(cid) == k and call('HGET', PEOPLE, cid)
  local is_back = who and not is_here(cid, time)
  if who then call('ZADD', MEMBERS, time + ARGV[4], cid) end
  if is_back then
    call('HINCRBY', META, 'people_rev', 1)
    local ok, one = pcall(cjson.decode, who)
    hint('join', cid, k, ok and cjson.encode({ one.user, one.name, one.color }))
  end
end
remove_members(call('ZRANGEBYSCORE', MEMBERS, '-inf', '(' .. int(time)), time)

-- Cids that nobody has used for a day (the lifetime of resume) are forgotten: some each minute.
if time < (tonumber(call('HGET', META, 'pruned_at')) or 0) + 60000 then return { 'ok' } end
call('HSET', META, 'pruned_at', time)
local some, files = call('HRANDFIELD', CIDS, 100), call('HVALS', P .. 'tree')
for _, cid in ipairs(some) do
  local _, _, at = cid_get(cid)
  if (tonumber(at) or 0) < time - 86400000 and not call('ZSCORE', MEMBERS, cid) then
    call('HDEL', CIDS, cid)
    call('HDEL', PEOPLE, cid)
    for _, f in ipairs(files) do
      call('HDEL', P .. 'seen:' .. f, cid)
    end
  end
end
return { 'ok' }
