-- The callers and agents that could be paired now: queues that have both, the first ARGV[1] of each.
-- Returns a flat list: queue, number of (call, waiting since), those, number of (agent, idle since), those, next queue …
local out = {}
for _, queue in ipairs(redis.call('SMEMBERS', 'cc:queues')) do
  local waiting, ready = 'cc:waiting:' .. queue, 'cc:ready:' .. queue
  if redis.call('EXISTS', waiting) == 1 and redis.call('EXISTS', ready) == 1 then
    local calls = redis.call('ZRANGE', waiting, 0, ARGV[1] - 1, 'WITHSCORES')
    local agents = redis.call('ZRANGE', ready, 0, ARGV[1] - 1, 'WITHSCORES')
    table.insert(out, queue)
    for _, list in ipairs({calls, agents}) do
      table.insert(out, tostring(#list))
      for _, value in ipairs(list) do table.insert(out, value) end
    end
  end
end
return out
