-- Who is here. A cid is kept when it is gone, for the day in which it may come back.
local MEMBERS, PEOPLE, CLAIMS = P .. 'members', P .. 'people', 'weft:claims'

-- Who is here, six words each. What cannot be read is not shown.
local function people(at)
  local list = {}
  for _, cid in ipairs(call('ZRANGEBYSCORE', MEMBERS, at, '+inf')) do
    local ok, who = pcall(cjson.decode, call('HGET', PEOPLE, cid) or '')
    if ok and type(who) == 'table' then
      for _, word in ipairs({ cid, int(tonumber(who.k) or 0), tostring(who.inst or ''),
        tostring(who.user or ''), tostring(who.name or ''), int(tonumber(who.color) or -1) }) do
        list[#list + 1] = word
      end
    end
  end
  return list
end

-- Has a lease that has not ended. Who has none is not shown, removed or not.
local function is_here(cid, at)
  local ends = call('ZSCORE', MEMBERS, cid)
  return ends and tonumber(ends) >= at
end

-- Of a cid: its generation, the nonce of the hello that raised it, since when it is gone, its user.
local function cid_get(cid)
  return string.match(call('HGET', CIDS, cid) or '', '^(%d+) (%d+) (%d+) (.*)$')
end

local function cid_put(cid, k, nonce, at, user)
  call('HSET', CIDS, cid, table.concat({ k, nonce, int(at), user }, ' '))
end

-- Those whose lease has ended, or who left. When the last of all is gone, the project is due soon.
local function remove_members(cids, at)
  for _, cid in ipairs(cids) do
    local k, nonce, _, user = cid_get(cid)
    if k then cid_put(cid, k, nonce, at, user) end
    call('ZREM', MEMBERS, cid)
    call('HINCRBY', META, 'people_rev', 1)
    hint('leave', cid, k or '0')
  end
  if #cids > 0 and call('ZCARD', MEMBERS) == 0 and call('HEXISTS', CLAIMS, PROJECT) == 0 then
    call('ZADD', DUE, 'XX', 'LT', at + 1000, PROJECT)
  end
end
