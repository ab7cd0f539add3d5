/* quota_lua.h - the script of quota.h. Included by quota.c only.
 *
 * KEYS: for each pool its bucket (hash) and its table (hash: claimant -> "seen want share credit allotted held").
 * ARGV: claimant, want, held, quiet_ms, fresh, mend, cost and back of each dimension; then for each pool share, allotted, concurrent, the
 * limit of each dimension, age_ms, what is told of each per-minute dimension. Returns calls, quiet_ms, and for each pool its
 * share in millionths, allotted, age_ms, told of each per-minute dimension.
 */
#ifndef CS_QUOTA_LUA_H
#define CS_QUOTA_LUA_H

/* What is asked. */
#define QUOTA_LUA_ASKED                                                                                                \
    "local LIFE, RESERVE, HOLD, HELD, SLICE, HUGE, PART = 1000, 500, 5000, 30000, 250, 1e300, 0.9975\n"                \
    "local t = redis.call('TIME')\n"                                                                                   \
    "local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 100) / 10\n"                                      \
    "local day = math.floor(now / 86400000)\n"                                                                         \
    "local given = 0\n"                                                                                                \
    "local function text() given = given + 1; return ARGV[given] end\n"                                                \
    "local function num() return tonumber(text()) end\n"                                                               \
    "local me, want, held, quiet, fresh, mend = text(), num(), num(), num(), num() > 0, num() > 0\n"                   \
    "local cost, back = {}, {}\n"                                                                                      \
    "for d = 1, 6 do cost[d], back[d] = num(), num() end\n"                                                            \
    "local pools = {}\n"                                                                                               \
    "for i = 1, #KEYS / 2 do\n"                                                                                        \
    "  local p = {bucket = KEYS[2 * i - 1], table = KEYS[2 * i], limit = {}, told = {}}\n"                             \
    "  p.had, p.allotted, p.concurrent = num(), num(), num()\n"                                                        \
    "  for d = 1, 6 do p.limit[d] = num() end\n"                                                                       \
    "  p.age = num()\n"                                                                                                \
    "  for d = 1, 4 do p.told[d] = num() end\n"                                                                        \
    "  pools[i] = p\n"                                                                                                 \
    "end\n"

/* What others wrote over our keys is an error, by which every asker keeps its last share; with `mend` it is thrown away, and a bucket
 * begins as one that was lost. */
#define QUOTA_LUA_SOUND                                                                                                \
    "local function read(key, ...)\n"                                                                                  \
    "  local command = select(1, ...)\n"                                                                               \
    "  if mend and redis.pcall(command, key, select(2, ...)).err then redis.call('DEL', key) end\n"                    \
    "  return redis.call(command, key, select(2, ...))\n"                                                              \
    "end\n"                                                                                                            \
    "local function number(v)\n"                                                                                       \
    "  v = tonumber(v)\n"                                                                                              \
    "  return v and v == v and math.abs(v) < 1e15 and v or nil\n"                                                      \
    "end\n"                                                                                                            \
    "local function damaged(key)\n"                                                                                    \
    "  if not mend then error('damaged: ' .. key) end\n"                                                               \
    "end\n"                                                                                                            \
    "local function sound(p, b)\n"                                                                                     \
    "  local good = (number(b[3]) or 0) < now + 259200000\n"                                                           \
    "  for i = 1, 17 do good = good and (not b[i] or number(b[i]) ~= nil) end\n"                                       \
    "  if good then return b end\n"                                                                                    \
    "  damaged(p.bucket)\n"                                                                                            \
    "  redis.call('DEL', p.bucket)\n"                                                                                  \
    "  return {}\n"                                                                                                    \
    "end\n"

/* What is there, and what the pool gives: in calls, and calls a slice. What the provider told last of a limit holds for all.
 * Of a day: nothing without the coordinator's seed, and no more than its ceiling (quota_days.h). */
#define QUOTA_LUA_BUCKET                                                                                               \
    "local function told(p, b)\n"                                                                                      \
    "  local at = tonumber(b[5])\n"                                                                                    \
    "  p.told_at = p.age >= 0 and now - p.age or nil\n"                                                                \
    "  if at and (not p.told_at or at >= p.told_at) then\n"                                                            \
    "    p.told_at = at\n"                                                                                             \
    "    for d = 1, 4 do p.told[d] = tonumber(b[11 + d]) or 0 end\n"                                                   \
    "  end\n"                                                                                                          \
    "  for d = 1, 4 do\n"                                                                                              \
    "    if p.told_at and p.told[d] > 0 then p.limit[d] = math.min(p.limit[d], p.told[d]) end\n"                       \
    "  end\n"                                                                                                          \
    "end\n"                                                                                                            \
    "local function days(p, b)\n"                                                                                      \
    "  if p.limit[5] > 0 or p.limit[6] > 0 then\n"                                                                     \
    "    if tonumber(b[4]) ~= day then p.fits = 0; return end\n"                                                       \
    "    for d = 5, 6 do\n"                                                                                            \
    "      if p.limit[d] > 0 then\n"                                                                                   \
    "        p.level[d] = (tonumber(b[5 + d]) or 0) - back[d]\n"                                                       \
    "        local most = math.min(p.limit[d], tonumber(b[11 + d]) or 0)\n"                                            \
    "        if cost[d] > 0 then p.fits = math.min(p.fits, (most - p.level[d]) / cost[d]) end\n"                       \
    "      end\n"                                                                                                      \
    "    end\n"                                                                                                        \
    "  end\n"                                                                                                          \
    "end\n"                                                                                                            \
    "local function bucket(p)\n"                                                                                       \
    "  local b = read(p.bucket, 'HMGET', 'at', 'born', 'quiet', 'seeded', 'told', '1', '2', '3', '4', '5', '6',\n"     \
    "    't1', 't2', 't3', 't4', 'c5', 'c6')\n"                                                                        \
    "  b = sound(p, b)\n"                                                                                              \
    "  local at = tonumber(b[1])\n"                                                                                    \
    "  p.fresh = fresh and not at\n"                                                                                   \
    "  p.born, p.quiet = tonumber(b[2]) or (p.fresh and now - HOLD - LIFE or now), tonumber(b[3]) or 0\n"              \
    "  p.young = now - p.born < HOLD + LIFE\n"                                                                         \
    "  p.fits, p.gives, p.returned, p.level = HUGE, HUGE, HUGE, {}\n"                                                  \
    "  told(p, b)\n"                                                                                                   \
    "  for d = 1, 4 do\n"                                                                                              \
    "    local l = p.limit[d]\n"                                                                                       \
    "    if l > 0 then\n"                                                                                              \
    "      local rate, c, v = PART * l / 60000, cost[d], tonumber(b[5 + d])\n"                                         \
    "      if v and at then v = v + rate * math.max(0, now - at) else v = p.fresh and HUGE or -rate * LIFE end\n"      \
    "      p.level[d] = math.min(v + back[d], math.max(rate * RESERVE, c))\n"                                          \
    "      if c > 0 then\n"                                                                                            \
    "        p.fits = math.min(p.fits, p.level[d] / c)\n"                                                              \
    "        p.gives = math.min(p.gives, rate * SLICE / c)\n"                                                          \
    "        p.returned = math.min(p.returned, back[d] / c)\n"                                                         \
    "      end\n"                                                                                                      \
    "    end\n"                                                                                                        \
    "  end\n"                                                                                                          \
    "  days(p, b)\n"                                                                                                   \
    "end\n"

/* The table: all that asked lately, but for me. */
#define QUOTA_LUA_TABLE                                                                                                \
    "local function others(p)\n"                                                                                       \
    "  p.wants, p.calls, p.unknown, p.taken, p.in_use, p.credit = {}, {}, 0, 0, 0, 0\n"                                \
    "  local rows = read(p.table, 'HGETALL')\n"                                                                        \
    "  for i = 1, #rows, 2 do\n"                                                                                       \
    "    local s, w, f, c, a, h = string.match(rows[i + 1], '(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)')\n"                  \
    "    s, w, f, c, a, h = number(s), number(w), number(f), number(c), number(a), number(h)\n"                        \
    "    if not (s and w and f and c and a and h) then\n"                                                              \
    "      damaged(p.table)\n"                                                                                         \
    "      redis.call('HDEL', p.table, rows[i])\n"                                                                     \
    "    elseif rows[i] == me then\n"                                                                                  \
    "      p.seen, p.credit = s, c\n"                                                                                  \
    "    elseif now - s > (a > 0 and HELD or HOLD) then\n"                                                             \
    "      redis.call('HDEL', p.table, rows[i])\n"                                                                     \
    "    else\n"                                                                                                       \
    "      p.in_use = p.in_use + a\n"                                                                                  \
    "      if now - s <= HOLD then\n"                                                                                  \
    "        p.wants[#p.wants + 1], p.calls[#p.calls + 1] = w, w + h\n"                                                \
    "        if f < 0 then p.unknown = p.unknown + 1 else p.taken = p.taken + f end\n"                                 \
    "      end\n"                                                                                                      \
    "    end\n"                                                                                                        \
    "  end\n"                                                                                                          \
    "end\n"                                                                                                            \
    "local function fair(all, mine, gives)\n"                                                                          \
    "  local wants = {mine}\n"                                                                                         \
    "  for i = 1, #all do wants[i + 1] = all[i] end\n"                                                                 \
    "  table.sort(wants)\n"                                                                                            \
    "  for i = 1, #wants do\n"                                                                                         \
    "    local even = gives / (#wants - i + 1)\n"                                                                      \
    "    if wants[i] > even then return math.min(mine, even) end\n"                                                    \
    "    gives = gives - wants[i]\n"                                                                                   \
    "  end\n"                                                                                                          \
    "  return mine\n"                                                                                                  \
    "end\n"                                                                                                            \
    "local function part(p, want)\n"                                                                                   \
    "  if not p.young then return fair(p.wants, want, p.gives) end\n"                                                  \
    "  local had = p.had\n"                                                                                            \
    "  if had < 0 then had = math.max(0, 1 - p.taken) / (p.unknown + 1) end\n"                                         \
    "  return math.min(want, had * p.gives)\n"                                                                         \
    "end\n"

/* What is mine: of each pool no more than the others let me use. What was left over is caught up with gently. */
#define QUOTA_LUA_MINE                                                                                                 \
    "for _, p in ipairs(pools) do\n"                                                                                   \
    "  bucket(p)\n"                                                                                                    \
    "  others(p)\n"                                                                                                    \
    "  p.mine, p.want = part(p, want), want\n"                                                                         \
    "end\n"                                                                                                            \
    "if quiet > 0 then pools[1].quiet = math.max(pools[1].quiet, now + quiet) end\n"                                   \
    "local until_ = 0\n"                                                                                               \
    "for i, p in ipairs(pools) do\n"                                                                                   \
    "  for k, o in ipairs(pools) do\n"                                                                                 \
    "    if k ~= i then p.want = math.min(p.want, now < o.quiet and 0 or math.ceil(o.mine) + 1) end\n"                 \
    "  end\n"                                                                                                          \
    "  until_ = math.max(until_, p.quiet)\n"                                                                           \
    "end\n"                                                                                                            \
    "local n = now >= until_ and want or 0\n"                                                                          \
    "for _, p in ipairs(pools) do\n"                                                                                   \
    "  p.mine = part(p, p.want)\n"                                                                                     \
    "  local pace = p.fits > p.gives * RESERVE / SLICE * 0.6 and 1.05 or 1\n"                                          \
    "  if p.gives >= HUGE then\n"                                                                                      \
    "    p.credit = want\n"                                                                                            \
    "  elseif p.fresh then\n"                                                                                          \
    "    p.credit = want\n"                                                                                            \
    "  elseif p.seen then\n"                                                                                           \
    "    p.credit = p.credit + math.max(0, p.returned) + pace * p.mine * math.min(now - p.seen, LIFE) / SLICE\n"       \
    "  end\n"                                                                                                          \
    "  p.credit = math.min(p.credit, 2 * p.mine + 2)\n"                                                                \
    "  p.may = 0\n"                                                                                                    \
    "  if p.concurrent > 0 then\n"                                                                                     \
    "    local most = fair(p.calls, want + held, p.concurrent)\n"                                                      \
    "    if p.young then most = math.min(most, p.allotted) end\n"                                                      \
    "    p.may = math.max(0, math.min(math.ceil(most - 1e-6), p.concurrent - p.in_use))\n"                             \
    "    if p.may == 0 then n = 0 end\n"                                                                               \
    "  end\n"                                                                                                          \
    "  n = math.min(n, p.credit, p.fits)\n"                                                                            \
    "end\n"                                                                                                            \
    "n = math.max(0, math.floor(n + 1e-6))\n"

#define QUOTA_LUA_WRITE                                                                                                       \
    "local out = {n, math.ceil(math.max(0, until_ - now))}\n"                                                                 \
    "local function tell(v) out[#out + 1] = v end\n"                                                                          \
    "for _, p in ipairs(pools) do\n"                                                                                          \
    "  local share = math.min(1, p.mine / p.gives)\n"                                                                         \
    "  if p.gives >= HUGE then share = 1 end\n"                                                                               \
    "  local holds = p.concurrent > 0 and math.max(p.may, held) or 0\n"                                                       \
    "  if want > 0 or holds > 0 then\n"                                                                                       \
    "    redis.call('HSET', p.table, me, string.format('%.1f %d %.6f %.6f %d %d', now, p.want, p.young and p.had or share,\n" \
    "      p.credit - n, holds, held))\n"                                                                                     \
    "  else\n"                                                                                                                \
    "    redis.call('HDEL', p.table, me)\n"                                                                                   \
    "  end\n"                                                                                                                 \
    "  local set = {'at', string.format('%.1f', now), 'born', string.format('%.1f', p.born),\n"                               \
    "    'quiet', string.format('%.1f', p.quiet)}\n"                                                                          \
    "  local function put(k, form, v) set[#set + 1] = k; set[#set + 1] = string.format(form, v) end\n"                        \
    "  for d = 1, 4 do if p.level[d] then put(d, '%.9f', p.level[d] - n * cost[d]) end end\n"                                 \
    "  for d = 5, 6 do if p.level[d] then put(d, '%.3f', p.level[d] + n * cost[d]) end end\n"                                 \
    "  for d = 5, 6 do if p.limit[d] > 0 and want > 0 then put('n' .. d, '%.0f', math.ceil(cost[d])) end end\n"               \
    "  tell(p.young and p.gives < HUGE and -1 or math.floor(share * 1e6))\n"                                                  \
    "  tell(p.may)\n"                                                                                                         \
    "  tell(p.told_at and math.ceil(math.max(0, now - p.told_at)) or -1)\n"                                                   \
    "  if p.told_at then put('told', '%.1f', p.told_at) end\n"                                                                \
    "  for d = 1, 4 do\n"                                                                                                     \
    "    if p.told_at then put('t' .. d, '%.3f', p.told[d]) end\n"                                                            \
    "    tell(math.floor(p.told[d]))\n"                                                                                       \
    "  end\n"                                                                                                                 \
    "  redis.call('HSET', p.bucket, unpack(set))\n"                                                                           \
    "  redis.call('PEXPIRE', p.bucket, 172800000)\n"                                                                          \
    "  redis.call('PEXPIRE', p.table, 60000)\n"                                                                               \
    "end\n"                                                                                                                   \
    "return out\n"

static const char quota_lua[] =
    QUOTA_LUA_ASKED QUOTA_LUA_SOUND QUOTA_LUA_BUCKET QUOTA_LUA_TABLE QUOTA_LUA_MINE QUOTA_LUA_WRITE;

#endif
