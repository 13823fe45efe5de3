"""Whether Redis answers, where one is set. Lintel counts tries there (`CACHES`) and keeps nothing else in it."""

from __future__ import annotations

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
        said = str(failure).strip().splitlines()
        return f"LINTEL_REDIS_URL: Redis can't be used ({said[0] if said else type(failure).__name__})"
    return ""
