"""Packages that only some installations need, and how to get them. Standard library only."""

from __future__ import annotations

import importlib.util

from portal.config import Config, ConfigError

HOW = "run: .venv/bin/pip install --require-hashes --only-binary :all: -r requirements-cluster.txt"


def require_extras(config: Config) -> None:
    """Raises ConfigError when a setting needs a package that isn't installed."""
    problems = []
    if config.database_url and config.database_url.engine == "postgresql" and not _installed("psycopg"):
        problems.append(f"LINTEL_DATABASE_URL: PostgreSQL needs the package psycopg; {HOW}")
    if config.redis_url and not _installed("redis"):
        problems.append(f"LINTEL_REDIS_URL: Redis needs the package redis; {HOW}")
    if problems:
        raise ConfigError(problems)


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
