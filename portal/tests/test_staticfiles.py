"""Static files are made anew when something has changed, and only then, and each is read once."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import AsyncRequestFactory, override_settings

from portal.middleware import KeptFiles
from portal.staticfiles import collect

STORAGES = {"staticfiles": {"BACKEND": "portal.staticfiles.Storage"}}


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "sources"
    place.mkdir()
    (place / "page.css").write_text("a { color: red }")
    with override_settings(
        STATIC_ROOT=str(tmp_path / "static"), STATICFILES_DIRS=[place], STORAGES=STORAGES, INSTALLED_APPS=APPS
    ):
        yield place


APPS = ["portal.staticfiles.StaticFilesConfig"]


def made(sources: Path) -> dict[str, str]:
    """The hashed files of the page's style, by name."""
    return {path.name: path.read_text() for path in (sources.parent / "static").glob("page.*.css")}


def manifest_time(sources: Path) -> int:
    return (sources.parent / "static" / "staticfiles.json").stat().st_mtime_ns


def test_nothing_is_made_again_while_nothing_changes(sources: Path) -> None:
    collect()
    assert list(made(sources).values()) == ["a { color: red }"]
    before = manifest_time(sources)
    collect()
    assert manifest_time(sources) == before


def changed(sources: Path) -> None:
    (sources / "page.css").write_text("a { color: blue }")


def upgraded(sources: Path) -> None:
    """By an archive whose files all have one time, to something as long."""
    before = (sources / "page.css").stat()
    (sources / "page.css").write_text("b { color: red }")
    os.utime(sources / "page.css", ns=(before.st_atime_ns, before.st_mtime_ns))


def added(sources: Path) -> None:
    (sources / "another.css").write_text("b { color: red }")


def lost(sources: Path) -> None:
    next((sources.parent / "static").glob("page.*.css")).unlink()


def spoilt(sources: Path) -> None:
    next((sources.parent / "static").glob("page.*.css")).write_text("a { color: black }")


@pytest.mark.parametrize("change", [changed, upgraded, added, lost, spoilt])
def test_any_change_of_a_source_or_of_what_was_made_is_noticed(sources: Path, change: Callable[[Path], None]) -> None:
    collect()
    before = manifest_time(sources)
    change(sources)
    collect()
    assert manifest_time(sources) != before
    assert (sources / "page.css").read_text() in made(sources).values()
    assert (sources / "page.css").read_text() == (sources.parent / "static" / "page.css").read_text()


def test_a_collecting_that_was_cut_off_is_done_again(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    collect()
    changed(sources)
    with monkeypatch.context() as patch:
        patch.setattr("portal.staticfiles.call_command", cut_off)
        with pytest.raises(KeyboardInterrupt):
            collect()
    collect()
    assert "a { color: blue }" in made(sources).values()


@pytest.fixture
def ask(sources: Path) -> Callable[..., HttpResponseBase]:
    """Asks the middleware for the page's style, by its hashed name."""
    (sources / "page.css").write_text("a { color: red }\n" * 200)
    collect()
    hashed = next(iter(made(sources)))

    async def nothing(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=404)

    served = KeptFiles(nothing)

    def asked(method: str = "GET", name: str = hashed, **headers: str) -> HttpResponseBase:
        request = AsyncRequestFactory().generic(method, f"/static/{name}", headers=headers)
        return async_to_sync(served)(request)

    return asked


def test_a_file_is_read_once_and_answered_as_often_as_it_is_asked_for(
    ask: Callable[..., HttpResponse], sources: Path
) -> None:
    whole = ask()
    assert (whole.status_code, whole.content.decode()) == (200, (sources / "page.css").read_text())
    assert whole["Content-Type"] == 'text/css; charset="utf-8"'
    assert "immutable" in whole["Cache-Control"]
    packed = ask(accept_encoding="gzip")
    assert (packed["Content-Encoding"], packed["Content-Length"]) == ("gzip", str(len(packed.content)))
    assert gzip.decompress(packed.content) == whole.content
    shutil.rmtree(sources.parent / "static")
    assert (ask().content, ask(accept_encoding="gzip").content) == (whole.content, packed.content)


def test_what_is_no_request_for_a_whole_file_is_answered_as_before(ask: Callable[..., HttpResponse]) -> None:
    whole = ask()
    head = ask("HEAD")
    assert (head.status_code, head["Content-Length"], head.content) == (200, str(len(whole.content)), b"")
    same = ask(if_none_match=whole["ETag"])
    assert (same.status_code, same.content) == (304, b"")
    assert ask("POST").status_code == 405
    assert ask(name="page.0123456789ab.css").status_code == 404
    part = ask(range="bytes=0-1")
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 0-1/{len(whole.content)}")
