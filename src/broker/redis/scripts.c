/* What must happen at once on the server, in its Lua. They are sent whole (EVAL): the server knows them by their hash after the first time.
 *
 * Time is the server's, in microseconds. A delayed message is a member of a sorted set, packed: something unique, then what to XADD or RPUSH.
 */
#include "broker/redis/link.h"

#define NOW "local t = redis.call('TIME'); local now = t[1] * 1000000 + t[2]\n"

/* KEYS stream; ARGV group, start ("": 0 for the first group, else $), consumer's prefix, ms. Makes the group if there is none, and
 * removes consumers of ours that hold nothing and were not seen for so long. Returns whether it was made, how many others there are. */
const char aeon__script_declare[] =
        "local groups, others, known = {}, 0, false\n"
        "if redis.call('EXISTS', KEYS[1]) == 1 then groups = redis.call('XINFO', 'GROUPS', KEYS[1]) end\n"
        "for _, g in ipairs(groups) do if g[2] == ARGV[1] then known = true else others = others + 1 end end\n"
        "if not known then\n"
        "  local start = ARGV[2]\n"
        "  if start == '' then start = others == 0 and '0' or '$' end\n"
        "  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], start, 'MKSTREAM')\n"
        "  return {1, others}\n"
        "end\n"
        "for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do\n"
        "  if c[4] == 0 and c[6] > tonumber(ARGV[4]) and string.sub(c[2], 1, #ARGV[3]) == ARGV[3] then\n"
        "    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], c[2])\n"
        "  end\n"
        "end\n"
        "return {0, others}\n";

/* KEYS stream; ARGV group, consumer, min idle in ms, cursor, count: XAUTOCLAIM, and of each entry how often it was delivered, this time
 * included. What has been deleted meanwhile may stand among them as nil. */
const char aeon__script_claim[] =
        "local r = redis.pcall('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])\n"
        "if r.err then return r end\n"
        "local counts = {}\n"
        "for i, e in ipairs(r[2]) do\n"
        "  local p = e and redis.call('XPENDING', KEYS[1], ARGV[1], e[1], e[1], 1)\n"
        "  counts[i] = p and p[1] and p[1][4] or 0\n"
        "end\n"
        "return {r[1], r[2], counts}\n";

/* KEYS streams; ARGV group, consumer: the consumer has ended, unless it still holds something. */
const char aeon__script_leave[] = "for _, k in ipairs(KEYS) do\n"
                                  "  if #redis.call('XPENDING', k, ARGV[1], '-', '+', 1, ARGV[2]) == 0 then\n"
                                  "    redis.call('XGROUP', 'DELCONSUMER', k, ARGV[1], ARGV[2])\n"
                                  "  end\n"
                                  "end\n";

/* KEYS stream, target, set; ARGV group, consumer, id, delete, verdict, attempt, delay, payload. The verdict on an entry that is still the
 * consumer's: "ack"; "again", in the target, after the delay; "XADD", "RPUSH" or "PUBLISH" the payload to the target, the dead letter.
 * Returns 0: it is not the consumer's; 1; 2: there was nothing left to be seen again. */
const char aeon__script_settle[] =
        "local verdict, result = ARGV[5], 1\n"
        "if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end\n"
        "if verdict == 'again' then\n"
        "  local found, fields = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1], {}\n"
        "  if found then\n"
        "    for i = 1, #found[2], 2 do\n"
        "      if found[2][i] ~= 'aeon-attempt' then\n"
        "        fields[#fields + 1] = found[2][i]; fields[#fields + 1] = found[2][i + 1]\n"
        "      end\n"
        "    end\n"
        "    fields[#fields + 1] = 'aeon-attempt'; fields[#fields + 1] = ARGV[6]\n"
        "    if tonumber(ARGV[7]) > 0 then\n"
        "      " NOW "      redis.call('ZADD', KEYS[3], now + ARGV[7], cmsgpack.pack({ARGV[3], unpack(fields)}))\n"
        "    else\n"
        "      redis.call('XADD', KEYS[2], '*', unpack(fields))\n"
        "    end\n"
        "  else result = 2 end\n"
        "elseif verdict == 'XADD' then redis.call('XADD', KEYS[2], '*', '__data__', ARGV[8])\n"
        "elseif verdict ~= 'ack' then redis.call(verdict, KEYS[2], ARGV[8]) end\n"
        "redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])\n"
        "if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], ARGV[3]) end\n"
        "return result\n";

/* KEYS set; ARGV delay, something unique, fields or value. */
const char aeon__script_later[] = NOW "local packed = {}\n"
                                      "for i = 2, #ARGV do packed[i - 1] = ARGV[i] end\n"
                                      "return redis.call('ZADD', KEYS[1], now + ARGV[1], cmsgpack.pack(packed))\n";

/* KEYS set, target; ARGV "XADD" or "RPUSH". Moves what is due. Returns how long until the next is; -1: there is none. */
const char aeon__script_move[] = NOW "for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do\n"
                                     "  local packed = cmsgpack.unpack(m)\n"
                                     "  if ARGV[1] == 'XADD' then redis.call('XADD', KEYS[2], '*', unpack(packed, 2))\n"
                                     "  else redis.call('RPUSH', KEYS[2], packed[2]) end\n"
                                     "  redis.call('ZREM', KEYS[1], m)\n"
                                     "end\n"
                                     "local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')\n"
                                     "if not first[2] then return -1 end\n"
                                     "return math.max(0, first[2] - now)\n";

/* KEYS list, taken; ARGV how many at most. */
const char aeon__script_take[] = "local got = {}\n"
                                 "for i = 1, tonumber(ARGV[1]) do\n"
                                 "  local value = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')\n"
                                 "  if not value then break end\n"
                                 "  got[i] = value\n"
                                 "end\n"
                                 "return got\n";

/* KEYS list, takers; ARGV consumer, prefix of taken, how long a consumer may be silent. The consumer is alive; what the dead had taken
 * goes back to where it was. */
const char aeon__script_recover[] = NOW "redis.call('ZADD', KEYS[2], now, ARGV[1])\n"
                                        "for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])) do\n"
                                        "  while redis.call('LMOVE', ARGV[2] .. dead, KEYS[1], 'RIGHT', 'LEFT') do end\n"
                                        "  redis.call('ZREM', KEYS[2], dead)\n"
                                        "end\n";

/* KEYS list, taken, target, set; ARGV value, verdict, delay, unique, payload. As above, with "front" for what is given back. */
const char aeon__script_settle_list[] =
        "local verdict = ARGV[2]\n"
        "if redis.call('LREM', KEYS[2], 1, ARGV[1]) == 0 then return 0 end\n"
        "if verdict == 'front' then redis.call('LPUSH', KEYS[1], ARGV[1])\n"
        "elseif verdict == 'again' then\n"
        "  if tonumber(ARGV[3]) > 0 then\n"
        "    " NOW "    redis.call('ZADD', KEYS[4], now + ARGV[3], cmsgpack.pack({ARGV[4], ARGV[5]}))\n"
        "  else redis.call('RPUSH', KEYS[1], ARGV[5]) end\n"
        "elseif verdict == 'XADD' then redis.call('XADD', KEYS[3], '*', '__data__', ARGV[5])\n"
        "elseif verdict ~= 'ack' then redis.call(verdict, KEYS[3], ARGV[5]) end\n"
        "return 1\n";
