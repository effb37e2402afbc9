#!lua flags=allow-oom
-- lease, after how many ms it is due again. Unloading ends the lease.
if call('HGET', 'weft:claims', PROJECT) ~= ARGV[4] then return { 'lost' } end
call('HDEL', 'weft:claims', PROJECT)
call('ZADD', DUE, now() + ARGV[5], PROJECT)
return { 'ok' }
