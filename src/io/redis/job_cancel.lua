#!lua flags=allow-oom
-- with json, jobs
--
-- project or '', job. Whoever has a lease hears of it when renewing; one of a program of others ends
-- at once, and what that answers later is of no meaning.
local job = job_of(ARGV[7], ARGV[6])
if not job then return { 'none' } end
if job.state == 'canceled' then return { 'ok', job.state } end
if is_over(job) then return { 'state' } end
if job.state == 'running' and (job.lease or '') ~= '' then
  put(job, { cancel = '1' })
else
  finish(job, 'canceled', 0, '')
end
return { 'ok', job.state }
