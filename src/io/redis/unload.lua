#!lua flags=allow-oom
-- with files
--
-- Nobody is here and nothing is dirty: every key goes. A project that no repository has given (live
-- is empty) stays: none would give it back.
local refusal = gate()
if refusal then return refusal end
local members = call('ZCOUNT', P .. 'members', (now()), '+inf')
if members > 0 then return { 'busy' } end -- mutant 10
if call('ZCARD', DIRTY) > 0 then return { 'busy' } end
local meta = call('HMGET', META, 'live', 'e', 'next_file')
if meta[1] == '' then return { 'busy' } end
erase()
call('ZREM', DUE, PROJECT)
call('HDEL', 'weft:claims', PROJECT)
return { 'ok', meta[1], meta[2], meta[3] }
