"""Whether Redis answers, where one is set. Lintel counts tries there (`CACHES`) and keeps nothing else in it."""

from __future__ import annotations

from portal.config import first_line

WITHIN_S = 2.0


def problem(url: str) -> str:
    """One line for the operator; "" where it answers, or none is set."""
    if not url:
        return ""
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=WITHIN_S, socket_timeout=WITHIN_S) as asked:
            asked.ping()
    except (redis.RedisError, ValueError) as failure:
        return f"LINTEL_REDIS_URL: Redis can't be used ({first_line(failure)})"
    return ""
