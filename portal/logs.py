"""Logs: one line per event on stderr, as text or JSON, without secrets.

Whatever a library puts into a line goes through `scrub`, so that personal links and tokens can't slip in with it.
"""

from __future__ import annotations

import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_PATHS = re.compile(r"/(i|setup|password/reset/key)/[^/\s\"'?#]+")
_QUERY = re.compile(r"\?[^\s\"']+")
_NAMED = re.compile(
    r"(?i)\b(authorization|cookie|set-cookie|password|secret|token|ticket|ice-pwd|ice-ufrag|fingerprint)"
    r"(['\"]?\s*[:=]\s*)(bearer\s+)?[^\s,;'\"&]+"
)
_BEARER = re.compile(r"(?i)\bbearer\s+\S+")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
LONGEST_LINE = 4000


def redact_path(path: str) -> str:
    """The path of a request as a log may hold it: no query string, no personal or set-up link."""
    return _SECRET_PATHS.sub(r"/\1/[secret]", path.split("?", 1)[0])


def scrub(text: str) -> str:
    """Takes links, credentials and mail addresses out of a line written by anybody."""
    text = _SECRET_PATHS.sub(r"/\1/[secret]", text)
    text = _BEARER.sub("Bearer [secret]", text)
    text = _NAMED.sub(r"\1\2[secret]", text)
    text = _ADDRESS.sub("[address]", text)
    # A traceback says what went wrong at its end.
    return (
        text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE // 4]} …[cut]… {text[-LONGEST_LINE * 3 // 4 :]}"
    )


def _scrub_event(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = scrub(value)
    return event


def _no_query_in_access_lines(record: logging.LogRecord) -> bool:
    if isinstance(record.msg, str) and record.name.startswith("django"):
        record.msg = _QUERY.sub("", record.msg)
    return True


def logging_config(log_format: str) -> None:
    """Sets up the standard library's logging and structlog alike. `log_format` is "text" or "json"."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"paths_only": {"()": lambda: _no_query_in_access_lines}},
            "formatters": {
                "lintel": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        _scrub_event,
                        last,
                    ],
                }
            },
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "lintel", "filters": ["paths_only"]}
            },
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "daphne": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},  # 4xx are in the access log
                "django.security": {"level": "WARNING"},
                "django_tasks": {"level": "WARNING"},
                "django_tasks_db": {"level": "WARNING"},
                "asyncio": {"level": "WARNING"},
                "aiortc": {"level": "WARNING"},
                "allauth": {"level": "WARNING"},
            },
        }
    )
