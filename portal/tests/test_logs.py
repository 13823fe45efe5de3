"""Whatever reaches the log, secrets and addresses don't, and nobody can fill it."""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.logs import Bounded, logging_config, redact_path, scrub

SECRET = "s3cr3t-V4lue_0123456789"


@pytest.mark.parametrize(
    "line",
    [
        f"GET /i/{SECRET} 302",
        f"GET /i/{SECRET}?a=b",
        f"http://localhost:8000/setup/{SECRET}/",
        f"'/password/reset/key/{SECRET}/'",
        f"Authorization: Bearer {SECRET}",
        f"authorization={SECRET}",
        f"bearer {SECRET}",
        f"Cookie: {SECRET}",
        f"{{'password': '{SECRET}'}}",
        f'{{"ticket": "{SECRET}"}}',
        f"token={SECRET}&x=y",
        f"a=ice-pwd:{SECRET}",
        f"a=fingerprint:{SECRET}",
        f"mail to {SECRET}@example.org failed",
    ],
)
def test_secrets_do_not_pass_the_scrubber(line: str) -> None:
    assert SECRET not in scrub(line)


@given(st.from_regex(r"[A-Za-z0-9_-]{20,60}", fullmatch=True), st.sampled_from(["/i/", "/setup/", "/rta/"]))
def test_no_secret_link_survives_whatever_its_letters(secret: str, place: str) -> None:
    assert secret not in scrub(f"see {place}{secret} now")
    assert secret not in redact_path(f"{place}{secret}/?next={secret}")


@pytest.mark.parametrize(
    "path",
    [
        f"/%69/{SECRET}",
        f"/i%2F{SECRET}",
        f"/%2569/{SECRET}",
        f"//i//{SECRET}",
        f"/I/{SECRET}",
        f'/i/"{SECRET}',
        f"/i/%0a{SECRET}",
        f"/set%75p/{SECRET}/",
        f"/password/%72eset/key/{SECRET}/",
        f"/rt%61/{SECRET}/validateCredentials",
    ],
)
def test_no_other_way_to_write_a_path_gets_its_secret_into_the_log(path: str) -> None:
    assert SECRET not in redact_path(path)


@pytest.mark.parametrize("path", ["/rta/revoke", "/m/7kqx-mwtz-p4xa", "/meetings/", "/i/", "/meetings/%C4%B1", "/"])
def test_what_is_no_secret_stays_as_it_was_asked_for(path: str) -> None:
    assert redact_path(path) == path


@given(st.text(max_size=6000))
def test_any_text_becomes_a_line_of_bounded_length(text: str) -> None:
    assert len(scrub(text)) <= 4100


def test_ordinary_lines_stay_as_they_are() -> None:
    line = "request method=GET path=/meetings/0f8fad5b-d9cb-469f-a165-70867728950e/ status=200 ms=12"
    assert scrub(line) == line


def test_a_line_that_repeats_is_left_out_and_counted() -> None:
    now = [0.0]
    bounded = Bounded(each=3, window_s=10, clock=lambda: now[0])

    def passes(message: str) -> bool:
        return bounded.filter(logging.LogRecord("x", logging.ERROR, "f", 1, message, (), None))

    assert [passes("bad packet from %s") for _ in range(5)] == [True, True, True, False, False]
    assert passes("something else")
    now[0] = 11.0
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "bad packet from %s", (), None)
    assert bounded.filter(record)
    assert record.msg == "bad packet from %s (2 lines were left out before)"


def test_made_up_messages_cannot_get_past_the_bound() -> None:
    bounded = Bounded(each=3, window_s=10, clock=lambda: 0.0)
    passed = sum(
        bounded.filter(logging.LogRecord("x", logging.ERROR, "f", 1, f"made up {number}", (), None))
        for number in range(5000)
    )
    assert passed <= 1003


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_tracebacks_are_scrubbed_in_both_formats(log_format: str) -> None:
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    try:
        logging_config(log_format)
        handler = next(found for found in root.handlers if isinstance(found, logging.StreamHandler))
        handler.setStream(io.StringIO())
        try:
            raise ValueError(f"no such link: /i/{SECRET}")
        except ValueError:
            logging.getLogger("lintel.test").exception("failed for token=%s", SECRET)
        written = handler.stream.getvalue()
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
    assert "ValueError" in written
    assert SECRET not in written
    if log_format == "json":
        assert json.loads(written)["level"] == "error"
