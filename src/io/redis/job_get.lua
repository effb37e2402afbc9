#!lua flags=no-writes
-- with json, jobs
--
-- project or '', job, whether its bytes are wanted: then what it printed, and its bytes or false.
local job = job_of(ARGV[7], ARGV[6])
if not job then return { 'none' } end
local output = table.concat(call('LRANGE', J .. 'out:' .. job.id, 0, -1))
local bytes = ARGV[8] == '1' and call('HGET', J .. 'job:' .. job.id, 'bytes')
return { 'ok', record(job, input_of(job)), output, bytes }
