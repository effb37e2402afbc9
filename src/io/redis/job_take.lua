#!lua
-- with json, jobs
--
-- lease_ms, then name, concurrency, limit_count, limit_ms, tries and output_max of each kind. First
-- jobs whose lease has ended, then of those that wait the one that waits longest. Else how long it
-- is until something is due, if that is known.
local lease_ms, next_ms = tonumber(ARGV[6]), nil

local function wait_for(ms)
  next_ms = math.max(1, math.min(next_ms or ms, ms))
end

-- How long until one more of a kind may begin.
local function limited_ms(kind)
  if kind.limit_ms == 0 or kind.limit_count == 0 then return 0 end
  local begun = call('LINDEX', J .. 'begun:' .. kind.name, kind.limit_count - 1)
  return begun and begun + kind.limit_ms - time or 0
end

local function note_begin(kind)
  local key = J .. 'begun:' .. kind.name
  if kind.limit_ms == 0 or kind.limit_count == 0 then return end
  call('LPUSH', key, time)
  call('LTRIM', key, 0, kind.limit_count - 1)
  call('PEXPIRE', key, kind.limit_ms)
end

local function begin(job, kind)
  local tries = job.tries + 1
  put(job, { state = 'running', tries = tries, started_at = time, worker = WORKER, cancel = '',
    lease = job.entry .. ' ' .. int(tries), output_max = kind.output_max, out_len = 0, out_i = 0 })
  call('UNLINK', J .. 'out:' .. job.id)
  note_begin(kind)
  tell(job)
  return { 'ok', record(job, input_of(job)), job.lease }
end

-- An entry of a lease that has ended, given to us: nil where nobody is to do it again.
local function take_over(queue, entry, kind)
  local job = job_of_entry(entry)
  if not job then
    call('XACK', queue, WORKERS, entry[1])
    call('XDEL', queue, entry[1])
  elseif job.cancel == '1' then
    finish(job, 'canceled', 0, '')
  elseif tonumber(job.tries) >= kind.tries then
    finish(job, 'failed', 0, 'begun ' .. job.tries .. ' times, and its worker never came back')
  else
    return job
  end
end

local function ended(queue, kind)
  local cursor = '0-0'
  for _ = 1, 100 do
    local list = call('XAUTOCLAIM', queue, WORKERS, US, lease_ms, cursor, 'COUNT', 1)
    local entry = list[2][1]
    local job = entry and take_over(queue, entry, kind)
    if job then return job end
    cursor = list[1]
    if cursor == '0-0' then return nil end
  end
end

-- The first that nobody was given yet.
local function waiting(queue, after)
  for _ = 1, 100 do
    local entry = call('XRANGE', queue, '(' .. after, '+', 'COUNT', 1)[1]
    if not entry then return nil end
    local job = job_of_entry(entry)
    if job then return job end
    call('XDEL', queue, entry[1])
  end
end

trim()
move_due()
local best, best_kind
for at = 7, #ARGV, 6 do
  local kind = { name = ARGV[at], concurrency = tonumber(ARGV[at + 1]), output_max = ARGV[at + 5],
    limit_count = tonumber(ARGV[at + 2]), limit_ms = tonumber(ARGV[at + 3]),
    tries = tonumber(ARGV[at + 4]) }
  local queue, after = queue_of(kind.name)
  local limited = limited_ms(kind)
  local again = limited <= 0 and ended(queue, kind)
  if again then return begin(again, kind) end
  local pending = call('XPENDING', queue, WORKERS, '-', '+', 1000)
  local first = #pending < kind.concurrency and waiting(queue, after)
  if first and limited > 0 then
    wait_for(limited)
  elseif first and (not best or tonumber(first.since) < tonumber(best.since)) then
    best, best_kind = first, kind
  end
  for _, one in ipairs(pending) do
    wait_for(math.max(lease_ms - one[3], limited))
  end
end

if best then
  call('XREADGROUP', 'GROUP', WORKERS, US, 'COUNT', 1, 'STREAMS', J .. 'queue:' .. best.kind, '>')
  return begin(best, best_kind)
end
local due = call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2]
if due then wait_for(due - time) end
return { 'none', next_ms }
