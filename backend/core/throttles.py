"""Budgets that hold across workers and hosts: one Lua call in Redis, or the same rule in this process.

Two kinds. A *bucket* refills at a rate up to a burst. A *strikes* counter gives a number of failures free
within a window, then makes each further one wait longer.
"""

import logging
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from backend.core.redis import lost, reachable, run_script

log = logging.getLogger(__name__)

# A Lua function, so that a script which decides more in the same breath can take as well.
TAKE_FUNCTION = """
local function take(key, rate, burst)
  local time = redis.call('TIME')
  local now = time[1] + time[2] / 1000000
  local state = redis.call('HMGET', key, 'level', 'at')
  local level = math.min(burst, (tonumber(state[1]) or burst) + (now - (tonumber(state[2]) or now)) * rate)
  local wait = 0
  if level >= 1 then level = level - 1 else wait = (1 - level) / rate end
  redis.call('HSET', key, 'level', tostring(level), 'at', tostring(now))
  redis.call('EXPIRE', key, math.ceil(burst / rate) + 60)
  return tostring(wait)
end
"""
TAKE = TAKE_FUNCTION + "return take(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))"
STRIKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local free, window, base, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 'count', 'next')
local count, next = tonumber(state[1]) or 0, tonumber(state[2]) or 0
if now < next then return tostring(next - now) end
count = count + 1
if count >= free then next = now + math.min(longest, base * 2 ^ (count - free)) end
redis.call('HSET', KEYS[1], 'count', count, 'next', tostring(next))
redis.call('EXPIRE', KEYS[1], math.ceil(math.max(window, next - now + window)))
return '0'
"""


MOST_IN_PROCESS = 100_000


@dataclass(frozen=True)
class Bucket:
    """`rate` tokens a second up to `burst` at once."""

    rate: float
    burst: int


@dataclass(frozen=True)
class Strikes:
    """`free` tries within `window` seconds, then waits of `base` seconds, doubling up to `longest`."""

    free: int
    window: int
    base: int = 15
    longest: int = 900


class _InProcess:
    """The same two rules in this process, for development and while Redis is out of reach.

    Where several processes serve, each counts its share: together they let no more pass than Redis would.
    """

    def __init__(self) -> None:
        self.state: dict[str, tuple[float, float]] = {}
        self.mutex = threading.Lock()

    def take(self, key: str, bucket: Bucket) -> float:
        rate, burst = bucket.rate / settings.SERVER_PROCESSES, max(1, bucket.burst // settings.SERVER_PROCESSES)
        with self.mutex:
            now = time.monotonic()
            level, at = self.state.get(key, (float(burst), now))
            level = min(burst, level + (now - at) * rate)
            wait = 0.0 if level >= 1 else (1 - level) / rate
            self._keep(key, level - 1 if level >= 1 else level, now)
            return wait

    def strike(self, key: str, strikes: Strikes) -> float:
        free = max(1, strikes.free // settings.SERVER_PROCESSES)
        with self.mutex:
            now = time.monotonic()
            count, after = self.state.get(key, (0.0, 0.0))
            if now < after:
                return after - now
            if after + strikes.window < now:
                count = 0.0
            count, after = count + 1, now
            if count >= free:
                after = now + min(strikes.longest, strikes.base * 2 ** min(count - free, 20))
            self._keep(key, count, after)
            return 0.0

    def _keep(self, key: str, first: float, second: float) -> None:
        """Store one state; where strangers have filled the memory, their older half is forgotten."""
        if len(self.state) >= MOST_IN_PROCESS:
            self.state = dict(list(self.state.items())[MOST_IN_PROCESS // 2 :])
        self.state.pop(key, None)
        self.state[key] = (first, second)


_local = _InProcess()


def redis_key(key: str) -> str:
    """Return where Redis keeps the budget `key`."""
    return f"throttle:{key}"


def take(key: str, bucket: Bucket) -> float:
    """Take one from the bucket `key`; return 0, or the seconds to wait where it is empty."""
    server = reachable()
    if server is not None:
        try:
            return float(_run(server, TAKE, key, bucket.rate, bucket.burst))
        except RedisError:
            lost()
            log.warning("redis is out of reach: throttles count in this process")
    return _local.take(key, bucket)


def strike(key: str, strikes: Strikes) -> float:
    """Count one try against `key`; return 0 where it may go on, else the seconds to wait (then not counted)."""
    server = reachable()
    if server is not None:
        try:
            return float(_run(server, STRIKE, key, strikes.free, strikes.window, strikes.base, strikes.longest))
        except RedisError:
            lost()
            log.warning("redis is out of reach: throttles count in this process")
    return _local.strike(key, strikes)


def forgive(key: str) -> None:
    """Forget the strikes of `key`, after what was tried succeeded."""
    server = reachable()
    _local.state.pop(key, None)
    if server is not None:
        try:
            server.delete(redis_key(key))
        except RedisError:
            lost()
            log.warning("redis is out of reach: strikes of %s stay until they lapse", key.partition(":")[0])


def _run(server: Redis, script: str, key: str, *arguments: float) -> bytes:
    answer: bytes = run_script(server, script, keys=[redis_key(key)], args=arguments)
    return answer
