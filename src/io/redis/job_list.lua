#!lua flags=no-writes
-- with json, jobs
--
-- project or '', whether only the dead ones, how many at most. Newest first.
local project, most, ids, jobs = ARGV[6], tonumber(ARGV[8]), nil, {}
local of = project ~= '' and J .. 'of:' .. project or ALL
if ARGV[7] == '1' then
  ids = call('ZINTER', 2, DEAD, of, 'WEIGHTS', 1, 0)
else
  ids = call('ZRANGE', of, -most, -1)
end
for i = #ids, math.max(1, #ids - most + 1), -1 do
  local job = job_of(ids[i], project)
  if job then jobs[#jobs + 1] = record(job, false) end
end
return { 'ok', jobs }
