#!lua flags=allow-oom
-- with json, jobs
--
-- (job, lease) … : held, cancel or lost, of each.
local states = {}
for at = 6, #ARGV, 2 do
  local job, state = job_of(ARGV[at], ''), 'lost'
  if job and job.state == 'running' and job.lease == ARGV[at + 1] then
    local queue = J .. 'queue:' .. job.kind
    local mine = call('XCLAIM', queue, WORKERS, US, 0, job.entry, 'JUSTID')
    if mine[1] then state = job.cancel == '1' and 'cancel' or 'held' end
  end
  states[#states + 1] = state
end
return { 'ok', states }
