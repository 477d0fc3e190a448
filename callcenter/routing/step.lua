-- One step of the live queue: an agent and/or a call moves by its table, or nothing happens at all.
-- ARGV[1]: JSON {now, agent?: {id, moves?, guard?, set?}, call?: {id, moves?, guard?, set?}, lease_until?, notify?, events?: [{id, call, kind, at, body}]}
-- Returns {"1" or "0", why it was refused, the agent's state, the call's state, the number of the desk's change}.
local step = cjson.decode(ARGV[1])

local function hash_set(key, values)
  for field, value in pairs(values) do
    redis.call('HSET', key, field, value)
  end
end

local function refused(part, key, default)
  local state = redis.call('HGET', key, 'state') or default
  for field, wanted in pairs(part.guard or {}) do
    if (redis.call('HGET', key, field) or '') ~= wanted then
      return state, field
    end
  end
  if part.moves and not part.moves[state] then
    return state, 'state'
  end
  return state, nil
end

local agent_key, call_key, agent_state, call_state, why
if step.agent then
  agent_key = 'cc:agent:' .. step.agent.id
  agent_state, why = refused(step.agent, agent_key, 'signed_out')
  if why then return {'0', 'agent ' .. why, agent_state, '', 0} end
end
if step.call then
  call_key = 'cc:call:' .. step.call.id
  call_state, why = refused(step.call, call_key, 'new')
  if why then return {'0', 'call ' .. why, agent_state or '', call_state, 0} end
end

if step.agent then
  local old_queues = redis.call('HGET', agent_key, 'queues') or ''
  if step.agent.moves then agent_state = step.agent.moves[agent_state] end
  redis.call('HSET', agent_key, 'state', agent_state)
  hash_set(agent_key, step.agent.set or {})
  redis.call('SADD', 'cc:agents', step.agent.id)
  local now_hash = redis.call('HMGET', agent_key, 'queues', 'online', 'idle_since')
  for queue in string.gmatch(old_queues, '[^,]+') do
    redis.call('ZREM', 'cc:ready:' .. queue, step.agent.id)
  end
  if agent_state == 'ready' and now_hash[2] == '1' then
    for queue in string.gmatch(now_hash[1] or '', '[^,]+') do
      redis.call('ZADD', 'cc:ready:' .. queue, now_hash[3] or step.now, step.agent.id)
      redis.call('SADD', 'cc:queues', queue)
    end
  end
end

if step.call then
  if step.call.moves then call_state = step.call.moves[call_state] end
  redis.call('HSET', call_key, 'state', call_state)
  hash_set(call_key, step.call.set or {})
  local queue = redis.call('HGET', call_key, 'queue') or ''
  if queue ~= '' then
    if call_state == 'waiting' then
      redis.call('ZADD', 'cc:waiting:' .. queue, redis.call('HGET', call_key, 'waiting_since'), step.call.id)
      redis.call('SADD', 'cc:queues', queue)
    else
      redis.call('ZREM', 'cc:waiting:' .. queue, step.call.id)
    end
  end
  if call_state == 'offered' then
    if step.lease_until then redis.call('ZADD', 'cc:leases', step.lease_until, step.call.id) end
  else
    redis.call('ZREM', 'cc:leases', step.call.id)
  end
  if call_state == 'ended' then
    redis.call('ZREM', 'cc:seen', step.call.id)
    redis.call('EXPIRE', call_key, 43200)
  else
    redis.call('ZADD', 'cc:seen', step.now, step.call.id)
  end
  if step.call.moves and (call_state == 'offered' or call_state == 'ended') then
    redis.call('PUBLISH', 'cc:wake', step.call.id)
  end
end

for _, event in ipairs(step.events or {}) do
  redis.call('XADD', 'cc:events', '*', 'id', event.id, 'call', event.call, 'kind', event.kind, 'at', event.at, 'body', event.body)
end

local told, seq = step.notify, 0
if step.agent then told = step.agent.id end
if told then
  seq = redis.call('HINCRBY', 'cc:agent:' .. told, 'seq', 1)
  redis.call('PUBLISH', 'cc:live', told .. ':' .. seq)
end
return {'1', '', agent_state or '', call_state or '', seq}
