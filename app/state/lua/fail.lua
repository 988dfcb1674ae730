-- Fails a scan that is under way. KEYS: record, step. ARGV: fencing number, error (JSON), ttl.
-- Returns 'failed', 'lost' (another copy has the step), 'final' (it was completed or failed before) or 'gone'.
local task, step = KEYS[1], KEYS[2]
local fence, failure, ttl = ARGV[1], ARGV[2], ARGV[3]

local status = redis.call('HGET', task, 'status')
if not status then
  return 'gone'
end
if redis.call('HGET', step, 'fence') ~= fence then
  return 'lost'
end
redis.call('HDEL', step, 'owner', 'until')
if status == 'failed' or status == 'completed' then
  return 'final'
end
change(task, {status = 'failed', error = failure}, ttl)
return 'failed'
