-- People's jobs (core/jobs.h). Their keys are weft:jobs:*, without a hash tag, since a job's scripts
-- write into its project too; KEYS[1] is only weft:jobs. ARGV[4] is how many events a room keeps,
-- ARGV[5] how long what is over is kept, in ms; what failed, 30 times as long.
--
-- A job is a hash. `entry` is its place in the stream of its kind while it waits or runs, `since`
-- when it got there (in microseconds), `lease` of whoever has it ('' of a program of others),
-- `settled` the lease or answer that said last what became of it; `cancel` is set where somebody
-- asked for that, `forget_at` where it is over. Lists go by the microsecond when it was asked for.
local WORKER = INSTANCE
INSTANCE, EPOCH = '-', ''
local KEEP, KEEP_MS = ARGV[4], tonumber(ARGV[5])
local FAILED_KEPT = 30
local J = 'weft:jobs:'
local LATER, DEAD, OVER, ALL = J .. 'later', J .. 'dead', J .. 'over', J .. 'all'
local ANSWERS = J .. 'answers'
local WORKERS, INSTANCES = 'workers', 'instances' -- the groups, and who we are in both:
local US = 'weft'                                 -- leases tell our workers apart
local FIELDS = { 'project', 'kind', 'f', 'path', 'args', 'by', 'user', 'name', 'cid', 'ep', 'v',
  'state', 'tries', 'queued_at', 'started_at', 'ended_at', 'code', 'problem', 'worker',
  'result_len' }
local INNER = { 'entry', 'lease', 'settled', 'cancel', 'forget_at', 'output_max', 'out_len',
  'out_i', 'since' }
local time, micros = now()

-- Nil where there is none, or none of that project ('': any).
local function job_of(id, project)
  local key, job = J .. 'job:' .. id, { id = id }
  for _, names in ipairs({ FIELDS, INNER }) do
    local values = call('HMGET', key, unpack(names))
    for i, name in ipairs(names) do
      job[name] = values[i]
    end
  end
  if not job.project or project ~= '' and project ~= job.project then return nil end
  if job.forget_at and tonumber(job.forget_at) <= time then return nil end
  return job
end

-- As it is answered, with its input or false.
local function record(job, input)
  local list = { job.id }
  for _, name in ipairs(FIELDS) do
    list[#list + 1] = job[name] or ''
  end
  list[#list + 1] = input
  return list
end

local function input_of(job)
  return call('HGET', J .. 'job:' .. job.id, 'input')
end

local function put(job, changes)
  local words = {}
  for name, value in pairs(changes) do
    job[name] = value
    words[#words + 1] = name
    words[#words + 1] = value
  end
  call('HSET', J .. 'job:' .. job.id, unpack(words))
end

local function is_over(job)
  return job.state ~= 'queued' and job.state ~= 'running'
end

-- ---- the room ----

-- Whether the job's project is here.
local function enter(job)
  CHANNEL = 'weft:{' .. job.project .. '}'
  P, META = CHANNEL .. ':', CHANNEL .. ':meta'
  return not gate()
end

local function event_of(job, e, again_ms)
  local line = '{"t":"job","e":' .. int(e) .. ',"job":' .. quoted(job.id)
  local function say(name, value)
    if value ~= '' and value ~= '0' then line = line .. ',"' .. name .. '":' .. value end
  end
  local function say_text(name, value)
    if value ~= '' then say(name, quoted(value)) end
  end
  say_text('kind', job.kind)
  say('by', job.by)
  say_text('user', job.user)
  say('f', job.f)
  say_text('path', job.path)
  say_text('state', job.state)
  if job.state == 'running' or again_ms then say('tries', int(tonumber(job.tries))) end
  if job.state == 'running' then say_text('worker', job.worker) end
  if is_over(job) then
    line = line .. ',"code":' .. job.code
    if tonumber(job.started_at) > 0 then say('ms', int(job.ended_at - job.started_at)) end
  end
  if is_over(job) or again_ms then say_text('problem', job.problem) end
  if again_ms then say('again_ms', again_ms) end
  return line .. '}'
end

-- What became of a job is told in its room, where that is here. A project that cannot be understood
-- holds up no jobs.
local function tell(job, again_ms)
  pcall(function()
    if not enter(job) then return end
    local e = number(call('HGET', META, 'e'), 'e') + 1
    local line = event_of(job, e, again_ms)
    call('XADD', P .. 'events', 'MAXLEN', KEEP, int(e) .. '-0', 'm', line)
    call('HSET', META, 'e', e)
    hint('event', int(e), '0', line)
  end)
end

-- ---- the queue ----

-- The stream of a kind, and what its group was given last.
local function queue_of(kind)
  local queue = J .. 'queue:' .. kind
  local groups = call('EXISTS', queue) == 1 and call('XINFO', 'GROUPS', queue) or {}
  for _, group in ipairs(groups) do
    local named = {}
    for i = 1, #group, 2 do
      named[group[i]] = group[i + 1]
    end
    if named.name == WORKERS then return queue, named['last-delivered-id'] end
  end
  call('XGROUP', 'CREATE', queue, WORKERS, '0', 'MKSTREAM')
  return queue, '0-0'
end

local function enqueue(job)
  put(job, { entry = call('XADD', (queue_of(job.kind)), '*', 'job', job.id, 'project', job.project,
    'kind', job.kind, 'f', job.f, 'path', job.path, 'args', job.args, 'user', job.user),
    since = micros })
end

-- It waits no longer, and nobody has it.
local function unqueue(job)
  if (job.entry or '') ~= '' then
    call('XACK', J .. 'queue:' .. job.kind, WORKERS, job.entry)
    call('XDEL', J .. 'queue:' .. job.kind, job.entry)
  end
  call('ZREM', LATER, job.id)
  put(job, { entry = '', lease = '' })
end

-- The job of an entry, or nil where there is none that waits or runs by it.
local function job_of_entry(entry)
  for i = 1, #entry[2], 2 do
    local job = entry[2][i] == 'job' and job_of(entry[2][i + 1], '')
    if job and job.entry == entry[1] then return job end
  end
end

-- Jobs whose time has come.
local function move_due()
  for _, id in ipairs(call('ZRANGEBYSCORE', LATER, '-inf', time, 'LIMIT', 0, 100)) do
    local job = job_of(id, '')
    if job and job.state == 'queued' then enqueue(job) end
    call('ZREM', LATER, id)
  end
end

-- ---- the end ----

local function finish(job, state, code, problem)
  unqueue(job)
  local keep_ms = state == 'failed' and FAILED_KEPT * KEEP_MS or KEEP_MS
  put(job, { state = state, ended_at = time, code = code, problem = problem,
    forget_at = time + keep_ms, cancel = '' })
  call('ZADD', OVER, job.forget_at, job.id)
  call('SREM', J .. 'waiting:' .. job.project, job.id)
  if state == 'failed' then
    call('ZADD', DEAD, call('ZSCORE', ALL, job.id) or micros, job.id)
  else
    call('HDEL', J .. 'job:' .. job.id, 'input')
  end
  tell(job)
end

local function forget(id, project)
  call('UNLINK', J .. 'job:' .. id, J .. 'out:' .. id)
  call('ZREM', OVER, id)
  call('ZREM', DEAD, id)
  call('ZREM', ALL, id)
  call('ZREM', J .. 'of:' .. project, id)
end

-- Some of what has been over long enough.
local function trim()
  for _, id in ipairs(call('ZRANGEBYSCORE', OVER, '-inf', time, 'LIMIT', 0, 10)) do
    forget(id, call('HGET', J .. 'job:' .. id, 'project') or '')
  end
end
