"""Compiled modules are used only while they were made from exactly these files."""

import logging
from pathlib import Path

import pytest

from media_engine import compiled


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources of which something compiled was made."""
    (tmp_path / "fanout.py").write_text("SENT = 1\n")
    monkeypatch.setattr(compiled, "_SOURCES", tmp_path)
    monkeypatch.setattr(compiled, "BUILT", tmp_path / "_compiled")
    monkeypatch.setattr(compiled, "MADE_FROM", tmp_path / "_compiled" / "made_from")
    monkeypatch.delenv("MEDIA_ENGINE_COMPILED", raising=False)
    compiled.BUILT.mkdir()
    compiled.MADE_FROM.write_text(compiled.fingerprint() + "\n")
    return tmp_path


def test_it_is_looked_for_first_while_it_fits(built: Path) -> None:
    assert compiled.search(["/sources"]) == ([str(built / "_compiled" / "media_engine"), "/sources"], "compiled")


@pytest.mark.parametrize("change", ["edited", "added", "renamed", "removed"])
def test_it_is_not_used_once_a_source_has_changed(built: Path, change: str) -> None:
    source = built / "fanout.py"
    if change == "edited":
        source.write_text("SENT = 2\n")
    elif change == "added":
        (built / "more.py").write_text("")
    elif change == "renamed":
        source.rename(built / "fan_out.py")
    else:
        source.unlink()
    assert compiled.search(["/sources"]) == (["/sources"], "stale")


def test_it_is_not_used_by_another_python(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version", "3.99")
    assert compiled.state() == "stale"


def test_it_can_be_done_without(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_ENGINE_COMPILED", "no")
    assert compiled.search(["/sources"]) == (["/sources"], "off")


def test_a_log_says_what_is_used_and_why_something_is_not(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("compiled")
    with caplog.at_level(logging.INFO):
        for found in ("compiled", "stale", "off", "absent"):
            compiled.tell(found, log, has_inner_loops=True)
        compiled.tell("compiled", log, has_inner_loops=False)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    assert [("inner loops" in record.getMessage()) for record in caplog.records] == [False, False, True]


def test_what_was_built_halfway_is_nothing(built: Path) -> None:
    compiled.MADE_FROM.unlink()
    assert compiled.search(["/sources"]) == (["/sources"], "absent")


@pytest.mark.parametrize("spoilt", ["garbage", "a directory"])
def test_what_can_not_be_read_is_not_used_and_stops_nothing(built: Path, spoilt: str) -> None:
    compiled.MADE_FROM.unlink()
    if spoilt == "garbage":
        compiled.MADE_FROM.write_bytes(bytes(range(256)))
    else:
        compiled.MADE_FROM.mkdir()
    assert compiled.search(["/sources"]) == (["/sources"], "stale")
