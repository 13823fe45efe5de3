"""Static files are made anew when something has changed, and only then."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import override_settings

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
