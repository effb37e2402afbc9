#!lua
-- with json, jobs
--
-- project or '', job. A dead one waits again, as if it had never been begun.
local job = job_of(ARGV[7], ARGV[6])
if not job then return { 'none' } end
if job.state ~= 'failed' then return { 'state' } end
call('HDEL', J .. 'job:' .. job.id, 'forget_at')
call('ZREM', OVER, job.id)
call('ZREM', DEAD, job.id)
call('SADD', J .. 'waiting:' .. job.project, job.id)
put(job, { state = 'queued', tries = 0, started_at = 0, ended_at = 0, code = 0, problem = '',
  worker = '' })
enqueue(job)
tell(job)
return { 'ok', job.state }
