-- Opens a failed scan again: it goes back into the outbox as if it had just been taken in. What its steps have stored
-- is kept, so that its chain soon comes to where it failed.
-- KEYS: record, photo, outbox, then the steps. ARGV: id, ttl.
-- Returns 'reopened', 'not failed' (it is under way, or was completed) or 'expired' (record or picture are gone).
local task, photo, outbox = KEYS[1], KEYS[2], KEYS[3]
local id, ttl = ARGV[1], ARGV[2]

local record = redis.call('HMGET', task, 'status', 'image_url')
if not record[1] then
  return 'expired'
end
if record[1] ~= 'failed' then
  return 'not failed'
end
if not record[2] and redis.call('EXISTS', photo) == 0 then
  return 'expired'
end
for i = 4, #KEYS do
  -- The fencing number stays: a copy that still runs must not be taken for a new one.
  redis.call('HDEL', KEYS[i], 'owner', 'until', 'losses')
  redis.call('EXPIRE', KEYS[i], ttl)
end
redis.call('HDEL', task, 'error')
redis.call('HINCRBY', task, 'attempt', 1)
change(task, {status = 'queued', step = 'pending', progress = 0}, ttl)
into_outbox(outbox, id, 'trace_link', redis.call('HGET', task, 'traceparent'))
return 'reopened'
