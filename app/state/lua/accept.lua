-- Takes a scan in: record, photo, outbox entry and idempotency key together, or nothing.
-- KEYS: record, photo, outbox, idempotency key. ARGV: id, ttl, outbox bound, photo or '', claim or '', digest,
-- then the record's fields and values.
local task, photo, outbox, idempotency = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, ttl, bound, bytes, claim, digest = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]

-- The same call a second time: its first answer was lost on the way.
if redis.call('EXISTS', task) == 1 then
  return 'accepted'
end
if claim ~= '' and redis.call('GET', idempotency) ~= claim then
  return 'claim lost'
end
if redis.call('XLEN', outbox) >= bound then
  return 'outbox full'
end
for i = 7, #ARGV, 2 do
  redis.call('HSET', task, ARGV[i], ARGV[i + 1])
end
local now = now_ms()
redis.call('HSET', task, 'created_at', now, 'updated_at', now)
redis.call('EXPIRE', task, ttl)
if bytes ~= '' then
  redis.call('SET', photo, bytes, 'EX', ttl)
end
into_outbox(outbox, id, 'traceparent', redis.call('HGET', task, 'traceparent'))
if claim ~= '' then
  redis.call('SET', idempotency, id .. ' ' .. digest, 'EX', ttl)
end
return 'accepted'
