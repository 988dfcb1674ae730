-- Fails the scan of a dead letter, unless another message carries the scan on.
-- KEYS: record, step. ARGV: step's name, progress at its end, error (JSON), ttl.
-- Returns 'failed', 'final' (it was completed or failed before), 'passed' (a later step has begun), 'busy' (another
-- copy runs the step) or 'gone'.
local task, step = KEYS[1], KEYS[2]
local name, progress, failure, ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local record = redis.call('HMGET', task, 'status', 'step', 'progress')
if not record[1] then
  return 'gone'
end
if record[1] == 'failed' or record[1] == 'completed' then
  return 'final'
end
if record[2] ~= name and tonumber(record[3]) >= progress then
  return 'passed'
end
if runner(step) then
  return 'busy'
end
change(task, {status = 'failed', error = failure}, ttl)
return 'failed'
