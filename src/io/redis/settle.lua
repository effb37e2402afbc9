#!lua flags=allow-oom
-- lease, after how many ms it is due again, and after how many where something is dirty. Unloading
-- ends the lease.
if call('HGET', 'weft:claims', PROJECT) ~= ARGV[4] then return { 'lost' } end
local wait = call('EXISTS', DIRTY) == 1 and ARGV[6] or ARGV[5]
call('HDEL', 'weft:claims', PROJECT)
call('ZADD', DUE, now() + wait, PROJECT)
return { 'ok' }
