-- Gives a step's lease back, so that its retry need not wait for the lease to end.
-- KEYS: step. ARGV: fencing number.
if redis.call('HGET', KEYS[1], 'fence') == ARGV[1] then
  redis.call('HDEL', KEYS[1], 'owner', 'until')
end
return 'released'
