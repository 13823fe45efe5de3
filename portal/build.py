"""Whether a server serves the scripts, styles and pages that this code makes: what end-to-end encryption leans on.

Owns the list of files with their hashes, made from the source here, and the comparison with what a server answers. It
sees what the server answers to whoever asks: not what it serves to one victim, nor what it forwards.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from tempfile import TemporaryDirectory
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

from portal.staticfiles import Storage

PAGES = ("/sign-in/", "/help/encryption/")
"""Pages for everybody: what every page may load stands in their policy."""


@dataclass(frozen=True)
class Served:
    status: int
    body: bytes
    policy: str = ""


def manifest() -> dict[str, str]:
    """SHA-256 in hex by name, of every file under its hashed name. Takes some seconds."""
    ignored = apps.get_app_config("staticfiles").ignore_patterns
    with TemporaryDirectory() as place:
        storage = Storage(location=place, base_url=settings.STATIC_URL)
        paths: dict[str, Any] = {}
        for finder in get_finders():
            for path, files in finder.list(ignored):
                name = os.path.join(getattr(files, "prefix", None) or "", path).replace("\\", "/")
                if name not in paths:
                    paths[name] = (files, path)
                    with files.open(path) as source:
                        storage.save(name, source)
        for _, _, problem in storage.post_process(paths):
            if isinstance(problem, Exception):
                raise problem
        hashed = {storage.stored_name(name) for name in paths}
        return {name: _digest(storage, name) for name in sorted(hashed)}


def _digest(storage: Storage, name: str) -> str:
    with storage.open(name) as file:
        return hashlib.sha256(file.read()).hexdigest()


def lines(files: Mapping[str, str]) -> str:
    """As `sha256sum` writes them."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))


def number(files: Mapping[str, str]) -> str:
    """One number for all of it."""
    return hashlib.sha256(lines(files).encode()).hexdigest()


def differences(files: Mapping[str, str], fetch: Callable[[str], Served]) -> Iterator[str]:
    """What a server answers otherwise than this code would, a sentence each. `fetch` takes a path."""
    for name, digest in files.items():
        served = fetch(settings.STATIC_URL + name)
        if served.status != 200:
            yield f"{name} is not there (status {served.status})"
        elif hashlib.sha256(served.body).hexdigest() != digest:
            yield f"{name} is another file"
    for path in PAGES:
        yield from _page_differences(path, fetch(path), files)


def _page_differences(path: str, served: Served, files: Mapping[str, str]) -> Iterator[str]:
    if served.status != 200:
        yield f"the page {path} is not there (status {served.status})"
        return
    policy = {
        name: set(values) for name, *values in (part.split() for part in served.policy.split(";") if part.split())
    }
    for directive in ("script-src", "worker-src", "style-src"):
        if policy.get(directive) != {"'self'"}:
            yield f"the page {path} lets {directive} load from elsewhere"
    loads = _Loads()
    loads.feed(served.body.decode(errors="replace"))
    for found in loads.found:
        if found.removeprefix(settings.STATIC_URL) not in files or not found.startswith(settings.STATIC_URL):
            yield f"the page {path} loads {found or 'a script that is part of it'}"


class _Loads(HTMLParser):
    """What a page runs; "" for a script inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "script" and named.get("type") not in ("application/json",):
            self.found.append(named.get("src") or "")
        elif tag == "link" and re.search(r"\b(stylesheet|modulepreload)\b", named.get("rel") or ""):
            self.found.append(named.get("href") or "")
