-- Gives an idempotency key back that its first use could not keep. KEYS: idempotency key. ARGV: claim.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 'forgotten'
