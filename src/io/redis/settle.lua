#!lua flags=allow-oom
-- lease, after how many ms it is due again (unless the project was unloaded).
if call('HGET', 'weft:claims', PROJECT) ~= ARGV[4] then return { 'lost' } end
call('HDEL', 'weft:claims', PROJECT)
if call('EXISTS', META) == 1 then
  call('ZADD', DUE, now() + ARGV[5], PROJECT)
else
  call('ZREM', DUE, PROJECT)
end
return { 'ok' }
