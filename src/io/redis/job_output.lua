#!lua
-- with json, jobs
--
-- job, lease ('': by a program of others), i, data. A piece is kept and told once, as long as there
-- is room for it; a hint that is too big is not told.
local OUTPUT_MAX = 1048576 -- of a kind that nobody has told us of
local job, lease, data = job_of(ARGV[6], ''), ARGV[7], ARGV[9]
if not job or is_over(job) then return { 'lost' } end
if lease ~= '' and (job.state ~= 'running' or job.lease ~= lease) then return { 'lost' } end
local wanted = tonumber(job.out_i or 0)
local i = lease ~= '' and tonumber(ARGV[8]) or wanted
local len = (job.out_len or 0) + #data
if i < wanted or len > tonumber(job.output_max or OUTPUT_MAX) then return { 'ok' } end
put(job, { out_i = i + 1, out_len = len })
call('RPUSH', J .. 'out:' .. job.id, data)
local is_here, entered = pcall(enter, job)
local line = '{"t":"job","job":' .. quoted(job.id) .. ',"i":' .. int(i) .. ',"out":' ..
  quoted(data) .. '}'
if is_here and entered and #line <= BODY_MAX then
  call('PUBLISH', CHANNEL, 'output ' .. epoch .. ' 0 - 0 0\n' .. line)
end
return { 'ok' }
