#!lua
-- with json, jobs
--
-- How many of a project may be not over, job, project, kind, f, path, args, by, user, name, cid, ep,
-- v, whether it has an input, input. Once per job.
local most, id, project = tonumber(ARGV[6]), ARGV[7], ARGV[8]
local OF, WAITING = J .. 'of:' .. project, J .. 'waiting:' .. project
local was = job_of(id, '')
if was then return { 'ok', was.state } end
if call('SCARD', WAITING) >= most then return { 'full' } end
trim()
local job = { id = id }
put(job, { project = project, kind = ARGV[9], f = ARGV[10], path = ARGV[11], args = ARGV[12],
  by = ARGV[13], user = ARGV[14], name = ARGV[15], cid = ARGV[16], ep = ARGV[17], v = ARGV[18],
  state = 'queued', tries = 0, queued_at = time, started_at = 0, ended_at = 0, code = 0,
  problem = '', worker = '', result_len = 0 })
if ARGV[19] == '1' then call('HSET', J .. 'job:' .. id, 'input', ARGV[20]) end
call('SADD', WAITING, id)
call('ZADD', OF, micros, id)
call('ZADD', ALL, micros, id)
enqueue(job)
tell(job)
return { 'ok', job.state }
