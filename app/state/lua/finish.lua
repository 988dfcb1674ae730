-- Stores a step's output, if the lease is still the caller's, and makes the changes that it brings about.
-- KEYS: record, step, photo. ARGV: fencing number, output, ttl, changes (JSON: a list of objects), '1' to drop the photo.
-- Returns 'stored', 'lost' (another copy has the step), 'failed' or 'gone'.
local task, step, photo = KEYS[1], KEYS[2], KEYS[3]
local fence, output, ttl, changes, drops_photo = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4]), ARGV[5] == '1'

local status = redis.call('HGET', task, 'status')
if not status then
  return 'gone'
end
if redis.call('HGET', step, 'fence') ~= fence then
  return 'lost'
end
-- The same call a second time: its first answer was lost on the way.
if redis.call('HEXISTS', step, 'output') == 1 then
  return 'stored'
end
if status == 'failed' then
  return 'failed'
end
redis.call('HSET', step, 'output', output)
redis.call('HDEL', step, 'owner', 'until')
redis.call('EXPIRE', step, ttl)
for _, fields in ipairs(changes) do
  change(task, fields, ttl)
end
if drops_photo then
  redis.call('DEL', photo)
end
return 'stored'
