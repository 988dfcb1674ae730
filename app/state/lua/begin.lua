-- Takes a step's lease. KEYS: record, step. ARGV: owner, lease in ms, ttl, step's name, progress at its start.
-- Returns {'gone'}, {'failed'}, {'done'}, {'busy'} or {'begun', fencing number}.
local task, step = KEYS[1], KEYS[2]
local owner, lease_ms, ttl, name, progress = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])

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
local held = redis.call('HMGET', step, 'owner', 'until')
if held[1] and held[1] ~= owner and tonumber(held[2]) > now_ms()
  and redis.call('EXISTS', 'worker:' .. held[1]) == 1 then
  return {'busy'}
end
local fence = redis.call('HINCRBY', step, 'fence', 1)
redis.call('HSET', step, 'owner', owner, 'until', now_ms() + lease_ms)
redis.call('EXPIRE', step, ttl)
local is_news = record[1] ~= 'processing' or record[2] ~= name
if is_news and progress >= tonumber(record[3]) then
  change(task, {status = 'processing', step = name, progress = progress}, ttl)
end
return {'begun', fence}
