-- Stands before scripts that hand a scan to the broker.

-- Puts a scan into the outbox. `trace` is a traceparent and `relation` what its publishing is to it: 'traceparent' to go
-- on with that trace, 'trace_link' to begin one that is linked to it. False or nil where there is no trace.
local function into_outbox(outbox, id, relation, trace)
  if trace then
    redis.call('XADD', outbox, '*', 'task_id', id, relation, trace)
  else
    redis.call('XADD', outbox, '*', 'task_id', id)
  end
end
