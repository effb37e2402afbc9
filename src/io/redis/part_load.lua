-- Loading a project, by whoever has the lease.
local OFFERS = P .. 'offers'

-- The loading lease: token, who has it, what is left in ms; nil where there is none, it has ended,
-- or it is of another run.
local function lease(at)
  local load = call('HMGET', META, 'load_token', 'load_until', 'load_run', 'load_by')
  local rest = (tonumber(load[2]) or 0) - at
  if load[1] and load[3] == RUN and rest > 0 then return load[1], load[4], rest end
end
