#!lua flags=allow-oom
-- f, version, text, its length in UTF-16 units, how many entries below it are kept; fewer where
-- they are so large that the log takes more than 8 MiB.
local f, version, text, keep = ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[8])
local FILE, LOG, refusal = P .. 'file:' .. f, P .. 'log:' .. f, gate()
if refusal then return refusal end
local file = call('HMGET', FILE, 'version', 'content_version', 'deleted')
if not file[1] or file[3] then return { 'gone' } end
local last = number(file[1], 'version')
if version <= number(file[2], 'content_version') or version > last then return { 'stale' } end
call('HSET', FILE, 'content', text, 'content_version', version, 'size', #text)
if version == last then call('HSET', FILE, 'len', ARGV[7]) end
repeat
  if version > keep then call('XTRIM', LOG, 'MINID', int(version - keep + 1) .. '-0') end
  keep = math.floor(math.min(keep, version) / 2)
until keep == 0 or (call('MEMORY', 'USAGE', LOG) or 0) <= 8388608
return { 'ok' }
