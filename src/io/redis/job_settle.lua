#!lua flags=allow-oom
-- with json, jobs
--
-- job, lease or '', answer or '', state, again_ms, code, problem, whether there are bytes, bytes.
-- Once per lease or answer: what it did is told again.
local job, lease, answer, state = job_of(ARGV[6], ''), ARGV[7], ARGV[8], ARGV[9]
local again_ms, code, problem = ARGV[10], ARGV[11], ARGV[12]
local token = answer ~= '' and answer or lease
if answer ~= '' then
  call('XACK', ANSWERS, INSTANCES, answer)
  call('XDEL', ANSWERS, answer)
end
if not job then return { 'none' } end
if job.settled == token then return { 'ok', job.state } end
local is_held = answer ~= '' or lease ~= '' and job.lease == lease
if is_over(job) or not is_held then return { 'lost' } end

-- Of a program of others this is the first word that it has begun.
local is_begun = answer ~= '' and job.state == 'queued'
if is_begun then
  local entry = job.entry or ''
  local given = entry ~= '' and
    call('XPENDING', J .. 'queue:' .. job.kind, WORKERS, entry, entry, 1)[1]
  local worker = given and string.gsub(string.sub(given[2], 1, 64), '[^\32-\126]', '?') or ''
  put(job, { tries = job.tries + 1, started_at = time, worker = worker })
end
put(job, { settled = token })
if ARGV[13] == '1' then put(job, { bytes = ARGV[14], result_len = #ARGV[14] }) end
if state == 'running' then
  put(job, { state = state })
  if is_begun then tell(job) end
elseif state == 'queued' and job.cancel == '1' then
  finish(job, 'canceled', code, problem)
elseif state == 'queued' then
  unqueue(job)
  call('ZADD', LATER, time + again_ms, job.id)
  put(job, { state = state, code = code, problem = problem })
  tell(job, again_ms)
else
  finish(job, state, code, problem)
end
return { 'ok', job.state }
