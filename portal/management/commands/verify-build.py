"""`manage.py verify-build [URL]`: whether a server serves the released code; without URL, what the released code is."""

from __future__ import annotations

import http.client
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from portal import build

SECONDS = 20
MOST_BYTES = 16 * 1024 * 1024


class Command(BaseCommand):
    help = (
        "Compare what a server serves with what this code makes: run it from a checkout of the release that the server "
        "claims to run. Without an address, print the hashes of this code. Exit 1 naming every difference."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", nargs="?", default="", help="The server, as https://meet.example.org")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        files = build.manifest()
        if not url:
            self.stdout.write(build.lines(files), ending="")
            self.stdout.write(f"build {build.number(files)}")
            return
        connection = _connection(url)
        try:
            found = list(build.differences(files, lambda path: _fetch(connection, path)))
        except (OSError, http.client.HTTPException) as problem:
            raise CommandError(f"{url} gives no answer: {problem}") from None
        finally:
            connection.close()
        for difference in found:
            self.stdout.write(difference)
        if found:
            raise CommandError(f"{url} does not serve build {build.number(files)}")
        self.stdout.write(f"{url} serves build {build.number(files)}: {len(files)} files and {len(build.PAGES)} pages")


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise CommandError("Give the server’s address as https://meet.example.org, without a path.")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=SECONDS)


def _fetch(connection: http.client.HTTPConnection, path: str) -> build.Served:
    connection.request("GET", path, headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    body = answer.read(MOST_BYTES)
    return build.Served(answer.status, body, answer.headers.get("Content-Security-Policy", ""))
