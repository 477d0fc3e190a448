-- One agent's desk: his hash, his call's hash, how many callers wait in his queues.
local agent = redis.call('HGETALL', 'cc:agent:' .. ARGV[1])
local call_id, queues = '', ''
for place = 1, #agent, 2 do
  if agent[place] == 'call' then call_id = agent[place + 1] end
  if agent[place] == 'queues' then queues = agent[place + 1] end
end
local waiting = 0
for queue in string.gmatch(queues, '[^,]+') do
  waiting = waiting + redis.call('ZCARD', 'cc:waiting:' .. queue)
end
return {agent, redis.call('HGETALL', 'cc:call:' .. call_id), waiting}
