-- Keeps what became of a scan's reward. KEYS: record. ARGV: reward (JSON), ttl.
-- Returns 'stored', 'known' (it stands there already) or 'gone'.
local task, reward, ttl = KEYS[1], ARGV[1], ARGV[2]

local record = redis.call('HMGET', task, 'status', 'reward')
if not record[1] then
  return 'gone'
end
if record[2] == reward then
  return 'known'
end
change(task, {reward = reward}, ttl)
return 'stored'
