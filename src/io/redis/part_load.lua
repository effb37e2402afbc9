-- Loading a project, by whoever has the lease.
local OFFERS = P .. 'offers'

-- The loading lease: token, who has it, what is left in ms; nil where there is none, it has ended,
-- it is of another run, or the clock was set back since: then nobody knows when it ends.
local function lease(at)
  local load = call('HMGET', META, 'load_token', 'load_since', 'load_until', 'load_run', 'load_by')
  local since, rest = tonumber(load[2]) or math.huge, (tonumber(load[3]) or 0) - at
  if load[1] and load[4] == RUN and rest > 0 and since <= at then return load[1], load[5], rest end
end
