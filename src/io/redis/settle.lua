#!lua flags=allow-oom
-- lease, how it went, after how many ms it is due again, and after how many where something is
-- dirty. Unloading ends the lease, and the count of failures.
if call('HGET', 'weft:claims', PROJECT) ~= ARGV[4] then return { 'lost' } end
local wait = call('EXISTS', DIRTY) == 1 and ARGV[7] or ARGV[6]
if ARGV[5] == 'well' then
  call('HDEL', META, 'save_tries')
elseif ARGV[5] == 'failed' and call('EXISTS', META) == 1 then
  call('HINCRBY', META, 'save_tries', 1)
end
call('HDEL', 'weft:claims', PROJECT)
call('ZADD', DUE, now() + wait, PROJECT)
return { 'ok' }
