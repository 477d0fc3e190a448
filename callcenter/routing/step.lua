-- One step of the live queue: agents and/or a call move by their tables, or nothing happens at all.
-- ARGV[1]: JSON {now, by (the replica), agents?: [{id, move?, moves?, guard?, set?, tally?, optional?}], call?: {id, moves?, guard?, set?},
--   (call.dial: what shall be dialled, `extension@node` of each agent who is on offer then, is kept in its field `endpoints`)
--   lease_until?, rest_until?, notify?, events?: [{id, call, kind, at, body}]}
-- An agent who has taken a caller over and would be ready or paused again is what his field `returns_to` says instead.
-- An agent with `forget` is struck out. An optional agent who can't move stays as he is and stops nothing. tally: {day, queue, turn?}: one more call today.
-- Returns {"1" or "0", why it was refused, the call's state, the change as it is told (or ""),
--   then for each agent who changed: id, state, number of his desk's change}.
local step = cjson.decode(ARGV[1])

-- What a hash holds, as far as it was read; what is written is put here too. Each call of Redis costs as much as all else
-- that is done with its answer.
local known = {}

local function before(part, key, names)
  local wanted = {'state', unpack(names)}
  for name in pairs(part.guard or {}) do wanted[#wanted + 1] = name end
  local values = redis.call('HMGET', key, unpack(wanted))
  known[key] = known[key] or {}
  for place, name in ipairs(wanted) do known[key][name] = values[place] or '' end
  return known[key]
end

-- The part's state, and the field that stands against it.
local function judged(part, key, names, default)
  local has = before(part, key, names)
  local state = has.state ~= '' and has.state or default
  for name, wanted in pairs(part.guard or {}) do
    if has[name] ~= wanted then return state, name end
  end
  if part.moves and not part.moves[state] then return state, 'state' end
  return state, nil
end

local function write(key, values)
  local flat = {}
  for name, value in pairs(values) do
    known[key][name] = value
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  redis.call('HSET', key, unpack(flat))
end

-- Numbers begin with the time, so that none comes again when Redis has lost everything.
local function next_seq(key)
  local seq = redis.call('HINCRBY', key, 'seq', 1)
  if seq > 1 then return seq end
  redis.call('HSET', key, 'seq', step.now + 1)
  return step.now + 1
end

local OF_AGENT = {'online', 'returns_to', 'returns_reason', 'tally', 'idle_since', 'reason', 'call', 'wrapup_until',
  'extension', 'node'}
local OF_CALL = {'queue', 'order', 'entry'}

local moving = {}
for _, agent in ipairs(step.agents or {}) do
  local key = 'cc:agent:' .. agent.id
  local state, why = judged(agent, key, OF_AGENT, 'signed_out')
  if not why then
    moving[#moving + 1] = {part = agent, key = key, from = state}
  elseif not agent.optional then
    return {'0', 'agent ' .. why, '', '', {}}
  end
end
local call_key, call_state, call_was
if step.call then
  local why
  call_key = 'cc:call:' .. step.call.id
  call_was, why = judged(step.call, call_key, OF_CALL, 'new')
  call_state = call_was
  if why then return {'0', 'call ' .. why, call_was, '', {}} end
end

local answer = {'1', '', '', '', {}}
local change = {}
local endpoints = {}

local function tallied(text, more)
  local tally = text and text ~= '' and cjson.decode(text) or {}
  if tally.day ~= more.day then tally = {day = more.day, calls = 0, turns = {}} end
  tally.calls = tally.calls + 1
  if more.turn then tally.turns[more.queue] = (tally.turns[more.queue] or 0) + 1 end
  return cjson.encode(tally)
end

for _, one in ipairs(moving) do
  local agent, key, has = one.part, one.key, known[one.key]
  local online_was, is_new = has.online, has.state == ''
  local state = agent.moves and agent.moves[one.from] or one.from
  local set = agent.set or {}
  local given_reason = set.reason
  local back = set.returns_to or has.returns_to
  if back ~= '' and state ~= one.from and (state == 'ready' or state == 'paused') then
    state = back
    set.reason = set.returns_reason or has.returns_reason
    set.returns_to, set.returns_reason = '', ''
  end
  set.state = state
  if agent.tally then set.tally = tallied(set.tally or has.tally, agent.tally) end
  write(key, set)
  if is_new then redis.call('SADD', 'cc:agents', agent.id) end
  local seq = next_seq(key)
  if state == 'offered' then endpoints[#endpoints + 1] = has.extension .. '@' .. has.node end
  local free = state == 'ready' and has.online == '1'
  local since = has.idle_since ~= '' and has.idle_since or step.now
  change.agents = change.agents or {}
  table.insert(change.agents, {agent.id, seq, free and {since, has.tally} or false})
  if state == 'wrapup' and has.wrapup_until ~= '' then
    redis.call('ZADD', 'cc:wrapups', has.wrapup_until, agent.id)
  elseif one.from == 'wrapup' then
    redis.call('ZREM', 'cc:wrapups', agent.id)
  end
  local was, is = online_was == '1' and '1' or '0', has.online == '1' and '1' or '0'
  if state ~= one.from or was ~= is or (given_reason and state == 'paused') then
    redis.call('XADD', 'cc:agent_events', '*', 'id', agent.id .. '/' .. seq, 'agent', agent.id, 'at', step.now,
      'from', one.from, 'to', state, 'move', agent.move or '', 'reason', has.reason, 'call', has.call, 'online', is)
  end
  if agent.forget then
    redis.call('DEL', key)
    redis.call('SREM', 'cc:agents', agent.id)
    redis.call('ZREM', 'cc:wrapups', agent.id)
  end
  answer[#answer + 1] = agent.id
  answer[#answer + 1] = state
  answer[#answer + 1] = tostring(seq)
end

if step.call then
  if step.call.moves then call_state = step.call.moves[call_state] end
  local has, set = known[call_key], step.call.set or {}
  local old_queue = has.queue
  set.state = call_state
  if step.call.dial then set.endpoints = table.concat(endpoints, ',') end
  write(call_key, set)
  local queue = has.queue
  if old_queue ~= '' and old_queue ~= queue then redis.call('ZREM', 'cc:waiting:' .. old_queue, step.call.id) end
  if queue ~= '' then
    if call_state == 'waiting' then
      redis.call('ZADD', 'cc:waiting:' .. queue, has.order ~= '' and has.order or step.now, step.call.id)
      redis.call('SADD', 'cc:queues', queue)
    elseif call_was == 'waiting' then
      redis.call('ZREM', 'cc:waiting:' .. queue, step.call.id)
    end
    if call_state == 'talking' and call_was ~= 'talking' and step.call.answered then
      local answers = 'cc:answers:' .. queue
      redis.call('LPUSH', answers, step.now)
      redis.call('LTRIM', answers, 0, 19)
      redis.call('EXPIRE', answers, 7200)
    end
  end
  if call_state == 'offered' then
    if step.lease_until then redis.call('ZADD', 'cc:leases', step.lease_until, step.call.id) end
  elseif call_was == 'offered' then
    redis.call('ZREM', 'cc:leases', step.call.id)
  end
  if call_state == 'resting' then
    if step.rest_until then redis.call('ZADD', 'cc:resting', step.rest_until, step.call.id) end
  elseif call_was == 'resting' then
    redis.call('ZREM', 'cc:resting', step.call.id)
  end
  if call_state == 'ended' then
    redis.call('ZREM', 'cc:seen', step.call.id)
    redis.call('EXPIRE', call_key, 43200)
  else
    redis.call('ZADD', 'cc:seen', step.now, step.call.id)
  end
  change.call = {step.call.id, call_state == 'waiting' and has.entry ~= '' and has.entry or false}
  answer[3] = call_state
end

for _, event in ipairs(step.events or {}) do
  redis.call('XADD', 'cc:events', '*', 'id', event.id, 'call', event.call, 'kind', event.kind, 'at', event.at, 'body', event.body)
end

if step.notify then
  change.agents = change.agents or {}
  table.insert(change.agents, {step.notify, next_seq('cc:agent:' .. step.notify)})
end
if change.agents or change.call then
  change.n = redis.call('INCR', 'cc:changes')
  if change.n == 1 then
    change.n = step.now + 1
    redis.call('SET', 'cc:changes', change.n)
  end
  change.by = step.by
  -- A change is told to itself alone by the answer: that saves Redis and the replica a message a step.
  local heard = redis.call('PUBSUB', 'NUMSUB', 'cc:live', 'cc:live:' .. (step.by or ''))
  change.alone = heard[2] == 1 and heard[4] == 1
  answer[4] = cjson.encode(change)
  if not change.alone then redis.call('PUBLISH', 'cc:live', answer[4]) end
end
-- The desks of `show`, as desk.lua reads them: that saves a replica that shows them a round trip.
for _, id in ipairs(step.show or {}) do
  local agent, call, waiting = redis.call('HGETALL', 'cc:agent:' .. id), {}, 0
  for place = 1, #agent, 2 do
    local field, value = agent[place], agent[place + 1]
    if field == 'call' and value ~= '' then call = redis.call('HGETALL', 'cc:call:' .. value) end
    if field == 'queues' then
      for queue in string.gmatch(value, '[^,]+') do waiting = waiting + redis.call('ZCARD', 'cc:waiting:' .. queue) end
    end
  end
  table.insert(answer[5], {id, agent, call, waiting})
end
return answer
