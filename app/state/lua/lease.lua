-- Stands before scripts that look at a step's lease.

-- The process that runs the step, if its lease has not ended and it still shows signs of life.
local function runner(step)
  local held = redis.call('HMGET', step, 'owner', 'until')
  if held[1] and tonumber(held[2]) > now_ms() and redis.call('EXISTS', 'worker:' .. held[1]) == 1 then
    return held[1]
  end
  return nil
end
