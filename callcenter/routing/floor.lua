-- Who waits and who is ready, with the number of the last change: what a replica's own picture begins with.
-- Returns {number, {call id, entry, ...}, {agent id, idle since, tally, ...}}.
local waiting, ready = {}, {}
for _, queue in ipairs(redis.call('SMEMBERS', 'cc:queues')) do
  for _, call in ipairs(redis.call('ZRANGE', 'cc:waiting:' .. queue, 0, -1)) do
    local is = redis.call('HMGET', 'cc:call:' .. call, 'state', 'entry')
    if is[1] == 'waiting' and is[2] then
      waiting[#waiting + 1] = call
      waiting[#waiting + 1] = is[2]
    end
  end
end
for _, agent in ipairs(redis.call('SMEMBERS', 'cc:agents')) do
  local is = redis.call('HMGET', 'cc:agent:' .. agent, 'state', 'online', 'idle_since', 'tally')
  if is[1] == 'ready' and is[2] == '1' then
    ready[#ready + 1] = agent
    ready[#ready + 1] = is[3] or '0'
    ready[#ready + 1] = is[4] or ''
  end
end
return {tonumber(redis.call('GET', 'cc:changes') or '0'), waiting, ready}
