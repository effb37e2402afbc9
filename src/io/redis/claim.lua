#!lua flags=allow-oom
-- lease_ms. KEYS[1] is weft:due. A project whose claimer dies is due again when the lease ends.
local time, micros = now()
for _, project in ipairs(call('ZRANGEBYSCORE', DUE, '-inf', time, 'LIMIT', 0, 10)) do
  local meta = 'weft:{' .. project .. '}:meta'
  if call('EXISTS', meta) == 1 then
    local token = INSTANCE .. '.' .. int(micros)
    call('ZADD', DUE, time + ARGV[4], project)
    call('HSET', 'weft:claims', project, token)
    return { 'ok', project, token, tonumber(call('HGET', meta, 'save_tries')) or 0 }
  end
  call('ZREM', DUE, project)
  call('HDEL', 'weft:claims', project)
end
return { 'none' }
