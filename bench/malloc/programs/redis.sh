# A server, its own benchmark, and what it then knows.
set -e
redis-server --port 0 --unixsocket redis.sock --save '' --appendonly no --logfile log --dir . &
server=$!
trap 'kill $server 2> /dev/null || true' EXIT
for i in $(seq 100); do [ -S redis.sock ] && break; sleep 0.1; done
redis-benchmark -s redis.sock -q -n 4000 -d 200 -c 20 -P 4 > rates
wc -l < rates | awk '{ print ($1 > 10) }'
cli() { redis-cli -s redis.sock "$@"; }
cli flushall
cli eval 'for i = 1, 20000 do redis.call("set", "key" .. i, string.rep("v", i % 500)) redis.call("zadd", "z", i * 7 % 1001, "m" .. i) redis.call("hset", "h" .. i % 50, "f" .. i, i) end return redis.call("dbsize")' 0
cli debug jmap > /dev/null 2>&1 || true
cli zrange z 0 4 withscores
cli zcard z
cli hlen h7
cli eval 'local n = 0 for i = 1, 20000 do n = n + #redis.call("get", "key" .. i) end return n' 0
cli bgsave
for i in $(seq 100); do cli info persistence | grep -q rdb_bgsave_in_progress:0 && break; sleep 0.1; done
cli info persistence | grep -c rdb_last_bgsave_status:ok
cli eval 'for i = 1, 20000, 2 do redis.call("del", "key" .. i) end return redis.call("dbsize")' 0
cli debug reload 2>&1 | head -1 | cut -c1-3
cli sort z limit 0 3 alpha desc
cli shutdown nosave || true
wait $server
echo "ended with $?"
grep -ci 'crash\|assert' log || true
