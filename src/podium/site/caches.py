"""Where counts and other short-lived facts are kept."""

from __future__ import annotations

from typing import Any


def caches(redis_url: str | None) -> dict[str, dict[str, Any]]:
    """Django's setting.

    - `default` is a table, shared by all web processes: counts of wrong passwords and the like.
    - `counts` is for what is asked with every request: Redis, else this process's memory.
    - `local` is this process's memory.

    redis_url: of Redis, None where there is none.
    """
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}}
    redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url, "KEY_PREFIX": "podium"}
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "podium_cache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        },
        "counts": redis if redis_url else {**memory, "LOCATION": "counts"},
        "local": {**memory, "LOCATION": "local"},
    }
