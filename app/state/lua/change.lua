-- Stands before every script that changes a record.

local CHANNEL = 'task-changes'

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Writes fields (a table of names and values) to the record, counts its version up and tells the event hubs.
-- Results, rewards and errors are JSON texts already; a reward is shown as the last field of its result. They are joined, not encoded: cjson turns an empty array into {}.
local function change(task, fields, ttl)
  for name, value in pairs(fields) do
    redis.call('HSET', task, name, value)
  end
  redis.call('HSET', task, 'updated_at', now_ms())
  redis.call('HINCRBY', task, 'version', 1)
  redis.call('EXPIRE', task, ttl)
  local r = redis.call('HMGET', task, 'id', 'version', 'status', 'step', 'progress', 'partial_result', 'result', 'error',
    'reward')
  local result = r[7] or 'null'
  if r[7] and r[9] then
    result = string.sub(r[7], 1, -2) .. ',"reward":' .. r[9] .. '}'
  end
  local document = '{"task_id":"' .. r[1] .. '","status":"' .. r[3] .. '","step":"' .. r[4] .. '","progress":' .. r[5]
    .. ',"partial_result":' .. (r[6] or 'null') .. ',"result":' .. result
    .. ',"error":' .. (r[8] or 'null') .. '}'
  redis.call('PUBLISH', CHANNEL, r[1] .. ' ' .. r[2] .. ' ' .. r[3] .. ' ' .. document)
end
