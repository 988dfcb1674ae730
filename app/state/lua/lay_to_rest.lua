-- Fails the scan of a dead letter, unless another message carries the scan on.
-- KEYS: record, step. ARGV: error (JSON), ttl, then the names of the steps that come after this one.
-- Returns 'failed', 'final' (it was completed or failed before), 'passed' (a later step has begun), 'busy' (another
-- copy runs the step) or 'gone'.
local task, step = KEYS[1], KEYS[2]
local failure, ttl = ARGV[1], ARGV[2]

local record = redis.call('HMGET', task, 'status', 'step')
if not record[1] then
  return 'gone'
end
if record[1] == 'failed' or record[1] == 'completed' then
  return 'final'
end
for i = 3, #ARGV do
  if record[2] == ARGV[i] then
    return 'passed'
  end
end
if runner(step) then
  return 'busy'
end
change(task, {status = 'failed', error = failure}, ttl)
return 'failed'
