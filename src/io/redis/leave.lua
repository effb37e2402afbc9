#!lua flags=allow-oom
-- with people
--
-- cid, k.
local cid, refusal = ARGV[4], gate()
if refusal then return refusal end
if cid_get(cid) ~= ARGV[5] or not call('ZSCORE', MEMBERS, cid) then return { 'ok' } end
remove_members({ cid }, (now()))
call('HDEL', PEOPLE, cid)
return { 'ok' }
