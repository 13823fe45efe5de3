"""Answers for static files are made once, are the same as those that Django makes, and are kept of nothing else."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.test import override_settings

from portal.kept_answers import KeptAnswers
from portal.staticfiles import collect

pytestmark = pytest.mark.django_db  # Django looks after its connections with every request

BROWSER = {"accept_encoding": "gzip, deflate, br, zstd"}
PATIENCE_S = 20
"""The first request of all loads what pages are made of."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Site:
    """Pages and static files with all middlewares. `made` counts what Django was asked for."""

    def __init__(self, static: Path) -> None:
        self.made = 0
        self.static = static
        self.name = f"/static/{next(static.glob('page.*.css')).name}"
        self._django = get_asgi_application()
        self._kept = KeptAnswers(self._counted, "/static/")

    async def _counted(self, *call: Any) -> None:
        self.made += 1
        await self._django(*call)

    def ask(
        self, path: str = "", method: str = "GET", query: str = "", scheme: str = "http", **headers: str | list[str]
    ) -> Answer:
        """`headers`: those with several values are several lines."""
        lines = [("host", "testserver")]
        for name, values in headers.items():
            lines += [(name.replace("_", "-"), value) for value in ([values] if isinstance(values, str) else values)]
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": scheme, "path": path or self.name,
            "raw_path": (path or self.name).encode(), "query_string": query.encode(), "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80), "headers": [(name.encode(), value.encode("latin1")) for name, value in lines],
        }  # fmt: skip
        said = async_to_sync(self._talk)(scope)
        told = {name.decode().lower(): value.decode() for name, value in said[0]["headers"]}
        return Answer(said[0]["status"], told, b"".join(part.get("body", b"") for part in said[1:]))

    async def _talk(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        line = ApplicationCommunicator(self._kept, scope)
        await line.send_input({"type": "http.request", "body": b"", "more_body": False})
        said = [await line.receive_output(PATIENCE_S)]
        while len(said) == 1 or said[-1].get("more_body", False):
            said.append(await line.receive_output(PATIENCE_S))
        await line.wait(PATIENCE_S)
        return said


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    source, static = tmp_path / "sources", tmp_path / "static"
    source.mkdir()
    (source / "page.css").write_text("a { color: red }\n" * 200)
    storages = {"staticfiles": {"BACKEND": "portal.staticfiles.Storage"}}
    with override_settings(STATIC_ROOT=str(static), STATICFILES_DIRS=[source], STORAGES=storages, DEBUG=False):
        collect()
        yield Site(static)


def test_what_browsers_ask_for_is_made_once_and_given_as_it_was(site: Site) -> None:
    first = site.ask(**BROWSER)
    shutil.rmtree(site.static)
    assert site.ask(**BROWSER) == first
    assert site.made == 1
    assert first.status == 200
    assert gzip.decompress(first.body).decode() == "a { color: red }\n" * 200
    assert first.headers["content-length"] == str(len(first.body))
    assert first.headers["content-encoding"] == "gzip"
    assert {"content-security-policy", "x-content-type-options", "cross-origin-resource-policy"} <= set(first.headers)


def test_who_cannot_unpack_is_given_it_plain_whoever_asked_before(site: Site) -> None:
    for packed_first in (True, False):
        again = Site(site.static)
        answers = [again.ask(**asking) for asking in ((BROWSER, {}) if packed_first else ({}, BROWSER))]
        assert sorted(answer.headers.get("content-encoding", "") for answer in answers) == ["", "gzip"]
        assert again.ask().body.startswith(b"a { color: red }")
        again.ask(accept_encoding="gzip;q=0.5, identity")
        assert again.made == 3, "Django weighs what somebody would rather have"


@pytest.mark.parametrize(
    "asked",
    [
        ["gzip", "identity"],
        ["identity", "gzip"],
        "gzip\xa0",
        "gzip;Q=1",
        "gzip; q =0, deflate",
        "x-gzip, deflate",
        "sgzip",
        "*",
        "GZIP",
    ],
    ids=str,
)
def test_nobody_is_given_what_another_can_unpack_however_they_said_it(site: Site, asked: str | list[str]) -> None:
    """Else one request would choose for everybody, as long as the process runs."""
    for rightly in ("", "gzip", "identity", "gzip, deflate, br"):
        again = Site(site.static)
        expected = again.ask(accept_encoding=rightly)
        again = Site(site.static)
        again.ask(accept_encoding=asked)
        assert again.ask(accept_encoding=rightly) == expected, rightly


def test_a_file_that_is_not_whole_is_given_but_not_kept(site: Site) -> None:
    """While another process collects them, all files are written anew."""
    packed = site.static / f"{Path(site.name).name}.gz"
    whole = packed.read_bytes()
    packed.write_bytes(whole[:-5])
    assert site.ask(**BROWSER).body == whole[:-5]
    packed.write_bytes(whole)
    assert site.ask(**BROWSER).body == whole


def other_method(site: Site) -> Answer:
    return site.ask(method="HEAD", **BROWSER)


def part(site: Site) -> Answer:
    return site.ask(range="bytes=2-4", **BROWSER)


def unchanged(site: Site) -> Answer:
    return site.ask(if_none_match=site.ask().headers["etag"], **BROWSER)


def may_change(site: Site) -> Answer:
    """Without the hash in its name."""
    return site.ask("/static/page.css", **BROWSER)


def with_query(site: Site) -> Answer:
    return site.ask(query="v=2", **BROWSER)


def a_page(site: Site) -> Answer:
    return site.ask("/livez", **BROWSER)


@pytest.mark.parametrize("asked", [other_method, part, unchanged, may_change, with_query, a_page])
def test_nothing_else_is_kept(site: Site, asked: Callable[[Site], Answer]) -> None:
    asked(site)
    made, kept = site.made, dict(site._kept._kept)
    again = asked(site)
    assert site.made > made
    assert dict(site._kept._kept) == kept
    site.ask(**BROWSER)
    assert asked(site) == again, "what was kept stood in for it"


def test_the_answer_over_tls_is_its_own(site: Site) -> None:
    """It has other headers where there is TLS."""
    site.ask(**BROWSER)
    site.ask(scheme="https", **BROWSER)
    assert site.made == 2


def test_names_do_not_grow_with_what_is_asked(site: Site) -> None:
    for number in range(300):
        site.ask(accept_encoding=f"gzip, x{number}", x_forwarded_proto=f"p{number}")
    assert len(site._kept._kept) == 1
