-- Takes a step's lease. KEYS: record, step, quarantine.
-- ARGV: owner, lease in ms, ttl, step's name, progress at its start, losses that make suspicious, quarantine in ms.
-- Returns {'gone'}, {'failed'}, {'done'}, {'busy'}, {'suspect'} or {'begun', fencing number, losses}.
local task, step, quarantine = KEYS[1], KEYS[2], KEYS[3]
local owner, lease_ms, ttl, name, progress = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local suspicious, quarantine_ms = tonumber(ARGV[6]), ARGV[7]

local record = redis.call('HMGET', task, 'status', 'step', 'progress')
if not record[1] then
  return {'gone'}
end
if record[1] == 'failed' then
  return {'failed'}
end
if redis.call('HEXISTS', step, 'output') == 1 then
  return {'done'}
end
-- The owner's own lease is a remnant: it could not give it back, and asks only for steps that it does not run.
local before = redis.call('HGET', step, 'owner')
if before and before ~= owner then
  if runner(step) then
    return {'busy'}
  end
  redis.call('HINCRBY', step, 'losses', 1)
  redis.call('HDEL', step, 'owner', 'until')
  redis.call('EXPIRE', step, ttl)
end
local losses = tonumber(redis.call('HGET', step, 'losses') or 0)
if losses >= suspicious and not redis.call('SET', quarantine, name, 'NX', 'PX', quarantine_ms) then
  return {'suspect'}
end
local fence = redis.call('HINCRBY', step, 'fence', 1)
redis.call('HSET', step, 'owner', owner, 'until', now_ms() + lease_ms)
redis.call('EXPIRE', step, ttl)
local is_news = record[1] ~= 'processing' or record[2] ~= name
if is_news and progress >= tonumber(record[3]) then
  change(task, {status = 'processing', step = name, progress = progress}, ttl)
end
return {'begun', fence, losses}
