#!lua flags=allow-oom
-- with load
--
-- token. Offers stay for whoever tries next.
if lease((now())) ~= ARGV[4] then return { 'lost' } end
if call('HGET', META, 'state') == 'loading' then
  call('UNLINK', META)
else
  call('HDEL', META, 'load_token', 'load_since', 'load_until', 'load_run', 'load_by')
end
return { 'ok' }
