#!lua flags=allow-oom
-- with json, jobs
--
-- project or '', job. A dead one is forgotten.
local job = job_of(ARGV[7], ARGV[6])
if not job then return { 'none' } end
if job.state ~= 'failed' then return { 'state' } end
forget(job.id, job.project)
return { 'ok', job.state }
