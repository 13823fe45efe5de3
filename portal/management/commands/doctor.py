"""`manage.py doctor`: what will work and what won't, one line each; exit 1 if something won't."""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseFailure
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from portal import redis
from portal.config import Config, ConfigError, first_line
from portal.tls import context_factory, read_chain, validity_problem

GOOD, CARE, BAD = "ok", "care", "WRONG"
Finding = tuple[str, str]
SOON = timedelta(days=14)
EARLIEST_RIGHT_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows a time before this."""


class Command(BaseCommand):
    help = "Check settings, data, ports, TLS, mail, database and clock. Exit 1 if something will not work."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        config: Config = settings.LINTEL
        wrong = 0
        checks: list[tuple[str, Callable[[Config], Iterator[Finding]]]] = [
            ("settings", check_settings),
            ("data", check_data),
            ("database", check_database),
            ("redis", check_redis),
            ("ports", check_ports),
            ("media", check_media),
            ("tls", check_tls),
            ("mail", check_mail),
            ("clock", check_clock),
            ("static files", check_static),
        ]
        for name, check in checks:
            for state, text in check(config):
                wrong += state == BAD
                self.stdout.write(f"{state:5}  {name}: {text}")
        if wrong:
            raise SystemExit(1)


def check_settings(config: Config) -> Iterator[Finding]:
    yield GOOD, f"{config.public_url}, data in {config.data_dir}"
    if config.serves_loopback_only and config.https and config.media_stays_inside and not config.tls_cert:
        yield (
            BAD,
            "a proxy seems to stand before this portal but media stays on 127.0.0.1: set LINTEL_MEDIA_PUBLIC_ADDRESSES",
        )
    if config.https and not config.tls_cert and not config.trusted_proxies:
        yield CARE, "https without a certificate of its own: set LINTEL_TRUSTED_PROXIES to your proxy's address"


def check_data(config: Config) -> Iterator[Finding]:
    for path in (config.data_dir, config.data_dir / "secrets"):
        if path.exists() and path.stat().st_mode & 0o077:
            yield BAD, f"{path} can be read by others; run: chmod 700 {path}"
    for secret in (config.data_dir / "secrets").glob("*"):
        if secret.is_file() and secret.stat().st_mode & 0o077:
            yield BAD, f"{secret} can be read by others; run: chmod 600 {secret}"
    free = os.statvfs(config.data_dir)
    free_mib = free.f_bavail * free.f_frsize // 1_048_576
    yield (GOOD if free_mib > 500 else CARE if free_mib > 100 else BAD), f"{free_mib} MiB free"


def check_database(config: Config) -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if connection.vendor == "sqlite" and executor.loader.applied_migrations:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA quick_check(1)")
                answer = cursor.fetchone()[0]
            if answer != "ok":
                yield BAD, f"the file is damaged ({answer}); restore a backup"
                return
    except DatabaseFailure as problem:
        yield BAD, f"does not answer ({type(problem).__name__}: {first_line(problem)})"
        return
    text = f"{len(waiting)} migrations wait for the next start" if waiting else "up to date"
    yield GOOD, f"{connection.vendor}, {text}"


def check_redis(config: Config) -> Iterator[Finding]:
    if problem := redis.problem(config.redis_url):
        yield BAD, problem
    elif config.redis_url:
        yield GOOD, "answers"


def serving_process(config: Config) -> int | None:
    """The process that serves this data directory, if one does."""
    import fcntl

    path = config.data_dir / "serve.lock"
    if not path.exists():
        return None
    with path.open("r+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(file.read(20).strip() or 0)
    return None


def check_ports(config: Config) -> Iterator[Finding]:
    ours = serving_process(config)
    ports = [
        (socket.SOCK_STREAM, "TCP", config.host, config.port),
        (socket.SOCK_DGRAM, "UDP", config.media_bind, config.media_port),
    ]
    if config.media_tcp_port:
        ports.append((socket.SOCK_STREAM, "TCP", config.media_bind, config.media_tcp_port))
    for kind, name, host, port in ports:
        problem = bind_problem(kind, host, port)
        if not problem:
            yield GOOD, f"{name} {host}:{port} is free"
        elif ours:
            yield GOOD, f"{name} {host}:{port} is used by Lintel itself (process {ours})"
        else:
            yield BAD, f"{name} {host}:{port} can't be used: {problem}"


def bind_problem(kind: int, host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem.strerror or str(problem)
    return ""


def check_media(config: Config) -> Iterator[Finding]:
    told = ", ".join(config.media_advertised)
    yield GOOD, f"browsers are told {told}, UDP port {config.media_port}"
    if not config.media_stays_inside and not config.media_public_addresses:
        yield CARE, "the address was guessed; behind NAT set LINTEL_MEDIA_PUBLIC_ADDRESSES to the public one"
    if config.turn_urls:
        yield GOOD, f"people inside get passes for {', '.join(config.turn_urls)}; whether it answers is not tried here"


def check_tls(config: Config) -> Iterator[Finding]:
    if not (config.tls_cert and config.tls_key):
        yield GOOD, "none here; " + ("a proxy must provide it" if config.https else "plain http on this machine")
        return
    try:
        context_factory(config.tls_cert, config.tls_key)
        leaf = read_chain(config.tls_cert)[0]
    except ConfigError as wrong:
        yield BAD, wrong.problems[0]
        return
    if problem := validity_problem(leaf):
        yield BAD, f"the certificate {problem}"
        return
    ends = leaf.not_valid_after_utc
    yield (CARE if ends - datetime.now(UTC) < SOON else GOOD), f"the certificate lasts until {ends:%Y-%m-%d}"
    if not matches(leaf, config.host_names[0]):
        yield BAD, f"the certificate is not for {config.host_names[0]}"


def matches(leaf: x509.Certificate, host: str) -> bool:
    """Whether one of the certificate's names is `host` (RFC 6125: a star stands for the first label)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    texts = [str(name).lower() for name in names.get_values_for_type(x509.DNSName)]
    texts += [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return host in texts or ("." in host and f"*.{host.split('.', 1)[1]}" in texts)


def check_mail(config: Config) -> Iterator[Finding]:
    server = config.email_url
    if server is None:
        yield CARE, f"none is sent; messages are written to {config.data_dir / 'outbox'}"
        return
    name = f"{server.host}:{server.port} ({server.security})"
    try:
        if server.security == "tls":
            talk: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=10, context=ssl.create_default_context()
            )
        else:
            talk = smtplib.SMTP(server.host, server.port, timeout=10)
        with talk:
            talk.ehlo()
            if server.security == "starttls":
                talk.starttls(context=ssl.create_default_context())
                talk.ehlo()
            if server.user:
                talk.login(server.user, server.password)
    except (OSError, smtplib.SMTPException) as problem:
        yield BAD, f"{name} can't be used ({type(problem).__name__})"
        return
    yield GOOD, f"{name} lets us in"


def newest_change(config: Config) -> datetime | None:
    """When something in the data directory was last written."""
    times = [path.stat().st_mtime for path in config.data_dir.glob("*") if path.is_file()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def check_clock(config: Config) -> Iterator[Finding]:
    now = datetime.now(UTC)
    newest = newest_change(config)
    if now < EARLIEST_RIGHT_TIME:
        yield BAD, f"{now:%Y-%m-%d %H:%M} UTC is in the past; set the clock"
    elif newest and newest > now + timedelta(minutes=5):
        yield BAD, f"{now:%Y-%m-%d %H:%M} UTC is before the newest data ({newest:%Y-%m-%d %H:%M}); set the clock"
    else:
        yield GOOD, f"{now:%Y-%m-%d %H:%M} UTC"


def check_static(config: Config) -> Iterator[Finding]:
    missing = [name for name in ("css/tokens.css", "css/base.css", "icons/sprite.svg") if not finders.find(name)]
    if missing:
        yield BAD, f"{missing[0]} is missing; the copy of Lintel is incomplete"
    elif (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        yield GOOD, "collected"
    else:
        yield GOOD, "complete; collected at the next start"
