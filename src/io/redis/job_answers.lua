#!lua
-- with json, jobs
--
-- lease_ms, then name, tries and output_max of each kind that programs of others do. One answer of
-- theirs, of a job that is not over: its id, the job, state, output or false, text or false, code
-- and problem.
local lease_ms, kinds = ARGV[6], {}
local STATES = { running = true, done = true, failed = true }

-- What was begun too often, as far as they have told the group by taking it.
local function bury(kind)
  local queue = queue_of(kind.name)
  for _, given in ipairs(call('XPENDING', queue, WORKERS, '-', '+', 100)) do
    local entry = given[4] > kind.tries and call('XRANGE', queue, given[1], given[1])[1]
    local job = entry and job_of_entry(entry)
    if job then
      finish(job, 'failed', 0, 'taken ' .. int(given[4]) .. ' times, and never answered')
    end
  end
end

local function ready_answers()
  local groups = call('EXISTS', ANSWERS) == 1 and call('XINFO', 'GROUPS', ANSWERS) or {}
  for _, group in ipairs(groups) do
    if group[2] == INSTANCES then return end
  end
  call('XGROUP', 'CREATE', ANSWERS, INSTANCES, '0', 'MKSTREAM')
end

-- Its job and its words, or nil where it is of no meaning.
local function understand(entry)
  local said = {}
  for i = 1, #entry[2], 2 do
    said[entry[2][i]] = entry[2][i + 1]
  end
  local job = said.job and STATES[said.state] and job_of(said.job, '')
  if not job or is_over(job) then return nil end
  local kind = kinds[job.kind]
  if kind then put(job, { output_max = kind.output_max }) end
  return { 'ok', entry[1], record(job, input_of(job)), said.state, said.out or false,
    said.text or false, string.match(said.code or '', '^%-?%d+$') or '0', said.problem or '' }
end

local function next_answer(cursor)
  if cursor then
    local list = call('XAUTOCLAIM', ANSWERS, INSTANCES, US, lease_ms, cursor, 'COUNT', 1)
    return list[2][1], list[1] ~= '0-0' and list[1] or nil
  end
  local streams = call('XREADGROUP', 'GROUP', INSTANCES, US, 'COUNT', 1, 'STREAMS', ANSWERS, '>')
  return streams and streams[1][2][1]
end

trim()
move_due()
for at = 7, #ARGV, 3 do
  local kind = { name = ARGV[at], tries = tonumber(ARGV[at + 1]), output_max = ARGV[at + 2] }
  kinds[kind.name] = kind
  bury(kind)
end
ready_answers()
local cursor = '0-0'
for _ = 1, 100 do
  local is_old, entry = cursor, nil
  entry, cursor = next_answer(cursor)
  local answer = entry and understand(entry)
  if answer then return answer end
  if entry then
    call('XACK', ANSWERS, INSTANCES, entry[1])
    call('XDEL', ANSWERS, entry[1])
  elseif not is_old then
    break
  end
end
return { 'none' }
