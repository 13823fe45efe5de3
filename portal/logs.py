"""Logs: one line per event on stderr, as text or JSON, without secrets.

Whatever a library puts into a line goes through `scrub`, so that personal links and tokens can't slip in with it.
"""

from __future__ import annotations

import logging.config
import re
import time
from collections import Counter
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

import structlog

_SECRET_PLACE = re.compile(r"/+(i|setup|password/+reset/+key|rta(?!/+revoke\b))/+.+", re.IGNORECASE | re.DOTALL)
"""A whole path that begins where secrets are, however often its slashes are written."""
_SECRET_PATHS = re.compile(r"/(i|setup|password/reset/key|rta(?!/revoke\b))/[^/\s\"'?#]+")
_QUERY = re.compile(r"\?[^\s\"']+")
_NAMED = re.compile(
    r"(?i)\b(authorization|cookie|set-cookie|password|secret|token|ticket|ice-pwd|ice-ufrag|fingerprint)"
    r"(['\"]?\s*[:=]\s*['\"]?)(bearer\s+)?[^\s,;'\"&]+"
)
_BEARER = re.compile(r"(?i)\bbearer\s+\S+")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
LONGEST_LINE = 4000


def redact_path(path: str) -> str:
    """The path of a request as a log may hold it: no query string, no secret that opens something.

    `/%69/…` opens what `/i/…` does: what is looked at is what the path means, not how it is written.
    """
    written = path.split("?", 1)[0]
    # Three times: who forwards a link may write it so again, and a secret that was not found is one all the same.
    place = _SECRET_PLACE.fullmatch(unquote(unquote(unquote(written))))
    return f"/{place[1]}/[secret]" if place else _SECRET_PATHS.sub(r"/\1/[secret]", written)


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


class Bounded(logging.Filter):
    """At most `each` lines of one kind in `window_s`, so that whoever causes an error can't fill the disk with it.

    A kind is a logger and a message before its arguments are put in. How many were left out is said in the next line.
    """

    def __init__(self, each: int = 50, window_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.each = each
        self.window_s = window_s
        self.clock = clock
        self._since = clock()
        self._seen: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        now = self.clock()
        if now - self._since >= self.window_s:
            left_out = sum(max(0, count - self.each) for count in self._seen.values())
            self._since = now
            self._seen.clear()
            if left_out and isinstance(record.msg, str):
                record.msg = f"{record.msg} ({left_out} lines were left out before)"
        message = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
        kind = (record.name, str(message)[:80])
        if len(self._seen) < 1000 or kind in self._seen:
            self._seen[kind] += 1
        else:
            kind = ("", "")
            self._seen[kind] += 1
        return self._seen[kind] <= (self.each * 10 if record.name == "lintel.access" else self.each)


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
            "filters": {"paths_only": {"()": lambda: _no_query_in_access_lines}, "bounded": {"()": Bounded}},
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
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "lintel",
                    "filters": ["bounded", "paths_only"],
                }
            },
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "daphne": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},  # 4xx are in the access log
                "django.security": {"level": "WARNING"},
                "django.security.DisallowedHost": {"level": "CRITICAL"},  # a 400 in the access log says it
                "django_tasks": {"level": "WARNING"},
                "django_tasks_db": {"level": "WARNING"},
                "asyncio": {"level": "WARNING"},
                "aiortc": {"level": "WARNING"},
                "allauth": {"level": "WARNING"},
            },
        }
    )
