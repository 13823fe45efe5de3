"""Red5 Pro's protocol to the letter, and our signed profile: what is written, and what each answer means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetings.roundtrip.protocol import (
    LONGEST_LEASE_SECONDS,
    SHORTEST_LEASE_SECONDS,
    SIGNATURE,
    TIMESTAMP,
    WINDOW_SECONDS,
    Ask,
    Kind,
    Outcome,
    Profile,
    clean_reason,
    invalidate_body,
    is_signed,
    is_token,
    read_answer,
    request_headers,
    room_password,
    signature,
    stream_id,
    validate_body,
)

ALLOWED, REFUSED, UNANSWERED = Outcome.ALLOWED, Outcome.REFUSED, Outcome.UNANSWERED
NOW = 1_795_476_000


def ask(**changes: str) -> Ask:
    fields = {"type": "publisher", "username": "u", "password": "p", "stream_id": "m/p/camera", "token": "t"} | changes
    return Ask(
        **fields, room="m", participant="p", request_id="r", node_id="one", client_network="203.0.113.0/24",
        issued_at=NOW,
    )  # fmt: skip


# What is sent


def test_red5_is_asked_with_exactly_five_fields() -> None:
    body = validate_body(Profile.RED5, ask())
    assert body == b'{"type":"publisher","username":"u","password":"p","streamID":"m/p/camera","token":"t"}'


def test_red5_is_asked_with_an_empty_token_where_the_client_brought_none() -> None:
    assert json.loads(validate_body(Profile.RED5, ask(token="")))["token"] == ""


def test_red5_reads_latin_1_and_a_question_mark_for_every_other_letter() -> None:
    body = validate_body(Profile.RED5, ask(username="Sæther Łukasz 中"))
    assert b'"username":"S\xe6ther ?ukasz ?"' in body


def test_red5_gets_its_own_two_headers_without_a_charset() -> None:
    headers = request_headers(Profile.RED5, ["secret"], b"{}", NOW)
    assert headers == {"Accept": "application/json", "Content-type": "application/json"}


def test_red5_is_told_that_a_publisher_left_without_type_and_without_an_absent_token() -> None:
    assert (
        invalidate_body(Profile.RED5, ask()) == b'{"username":"u","password":"p","streamID":"m/p/camera","token":"t"}'
    )
    assert "token" not in json.loads(invalidate_body(Profile.RED5, ask(token="")))


def test_the_signed_profile_adds_where_who_and_when() -> None:
    fields = json.loads(validate_body(Profile.SIGNED, ask(username="Łukasz")))
    assert fields == {
        "type": "publisher", "username": "Łukasz", "password": "p", "streamID": "m/p/camera", "token": "t",
        "room": "m", "participant": "p", "requestId": "r", "nodeId": "one", "clientNetwork": "203.0.113.0/24",
        "iat": NOW,
    }  # fmt: skip


def test_the_signed_profile_says_its_charset_and_signs_time_and_body() -> None:
    body = validate_body(Profile.SIGNED, ask(username="Łukasz"))
    headers = request_headers(Profile.SIGNED, ["secret"], body, NOW)
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert is_signed(["secret"], headers[TIMESTAMP], headers[SIGNATURE], body, NOW)


def test_the_signature_is_what_any_language_computes() -> None:
    # echo -n '1795476000.{}' | openssl dgst -sha256 -hmac secret
    made = signature("secret", "1795476000", b"{}")
    assert made == "v1=ee5217e45bfa8ba18c3d58860ee289ac1ec2079414261e6af1492b1cae50d69d"


def test_while_a_secret_takes_over_both_sign() -> None:
    headers = request_headers(Profile.SIGNED, ["new", "old"], b"{}", NOW)
    for secret in ("new", "old"):
        assert is_signed([secret], headers[TIMESTAMP], headers[SIGNATURE], b"{}", NOW)


def test_a_room_password_is_worth_nothing_in_another_room_or_for_another_person() -> None:
    made = {room_password(s, r, u) for s in ("s", "s2") for r in ("r", "r2") for u in ("u", "u2")}
    assert len(made) == 8
    assert room_password("s", "r", "u") in made


def test_a_stream_is_never_named_without_its_room() -> None:
    assert stream_id("m", "p", "camera") == "m/p/camera"


# Signatures that come in


@pytest.mark.parametrize(
    ("timestamp", "given", "body", "now"),
    [
        (str(NOW), "", b"{}", NOW),
        (str(NOW), "v1=", b"{}", NOW),
        (str(NOW), signature("other", str(NOW), b"{}"), b"{}", NOW),
        (str(NOW), signature("secret", str(NOW), b"{}"), b"{ }", NOW),
        (str(NOW + 1), signature("secret", str(NOW), b"{}"), b"{}", NOW),
        (str(NOW), signature("secret", str(NOW), b"{}").removeprefix("v1="), b"{}", NOW),
        (str(NOW), signature("secret", str(NOW), b"{}").upper(), b"{}", NOW),
        (str(NOW), signature("secret", str(NOW), b"{}"), b"{}", NOW + WINDOW_SECONDS + 1),
        (str(NOW), signature("secret", str(NOW), b"{}"), b"{}", NOW - WINDOW_SECONDS - 1),
        ("", signature("secret", "", b"{}"), b"{}", NOW),
        ("١٧٩٥٤٧٦٠٠٠", signature("secret", "١٧٩٥٤٧٦٠٠٠", b"{}"), b"{}", NOW),
        (f"+{NOW}", signature("secret", f"+{NOW}", b"{}"), b"{}", NOW),
        (f"{NOW}.0", signature("secret", f"{NOW}.0", b"{}"), b"{}", NOW),
        ("9" * 40, signature("secret", "9" * 40, b"{}"), b"{}", NOW),
        (str(NOW), "é", b"{}", NOW),
    ],
)
def test_a_signature_that_does_not_fit_is_none(timestamp: str, given: str, body: bytes, now: int) -> None:
    assert not is_signed(["secret"], timestamp, given, body, now)


def test_a_signature_fits_within_the_window() -> None:
    made = signature("secret", str(NOW), b"{}")
    for now in (NOW - WINDOW_SECONDS, NOW, NOW + WINDOW_SECONDS):
        assert is_signed(["secret"], str(NOW), made, b"{}", now)
    assert not is_signed([], str(NOW), made, b"{}", NOW)


# Answers: every row of what Red5 Pro does, and what it leaves open


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, '{"result": true}', ALLOWED),
        (200, '{"result": "true"}', ALLOWED),
        (200, '{"result": true, "url": ""}', ALLOWED),
        (200, '{"result": true, "url": "https://cdn.example.org/x?s=1"}', ALLOWED),
        (200, '{"result": true, "url": "a\\u003db"}', ALLOWED),
        (200, '{"result": true, "unknown": [1, {"a": null}]}', ALLOWED),
        (200, '{"result": false}', REFUSED),
        (200, '{"result": "false"}', REFUSED),
        (200, '{"result": false, "url": null}', REFUSED),
        (401, "", REFUSED),
        (403, '{"result": true}', REFUSED),
        (200, '{"result": true, "url": null}', UNANSWERED),
        (200, '{"result": true, "url": 7}', UNANSWERED),
        (200, '{"result": null}', UNANSWERED),
        (200, '{"result": 1}', UNANSWERED),
        (200, '{"result": 0}', UNANSWERED),
        (200, '{"result": "yes"}', UNANSWERED),
        (200, '{"result": "TRUE"}', UNANSWERED),
        (200, '{"result": [true]}', UNANSWERED),
        (200, '{"Result": true}', UNANSWERED),
        (200, '{"result": false, "result": true}', UNANSWERED),
        (200, "{}", UNANSWERED),
        (200, "", UNANSWERED),
        (200, "true", UNANSWERED),
        (200, "null", UNANSWERED),
        (200, '[{"result": true}]', UNANSWERED),
        (200, '{"result": true', UNANSWERED),
        (200, '{"result": true} {"result": true}', UNANSWERED),
        (200, '{"result": true, "ttl": NaN}', UNANSWERED),
        (200, "<html>result: true</html>", UNANSWERED),
        (200, "[" * 20_000, UNANSWERED),
        (201, '{"result": true}', UNANSWERED),
        (202, '{"result": true}', UNANSWERED),
        (204, "", UNANSWERED),
        (206, '{"result": true}', UNANSWERED),
        (301, '{"result": true}', UNANSWERED),
        (302, '{"result": true}', UNANSWERED),
        (304, '{"result": true}', UNANSWERED),
        (400, '{"result": true}', UNANSWERED),
        (404, '{"result": true}', UNANSWERED),
        (429, '{"result": true}', UNANSWERED),
        (500, '{"result": true}', UNANSWERED),
        (502, '{"result": true}', UNANSWERED),
        (503, '{"result": true}', UNANSWERED),
    ],
)
def test_an_answer_means_yes_only_when_it_plainly_says_so(status: int, body: str, outcome: Outcome) -> None:
    verdict = read_answer(status, body.encode())
    assert verdict.outcome is outcome
    assert bool(verdict.problem) == (outcome is UNANSWERED)


def test_an_answer_that_is_not_utf_8_is_none() -> None:
    assert read_answer(200, b'{"result": true, "reason": "\xe6"}').outcome is UNANSWERED
    assert read_answer(200, b"\xff\xfe{\x00}\x00").outcome is UNANSWERED


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        ("1", SHORTEST_LEASE_SECONDS),
        ("0", SHORTEST_LEASE_SECONDS),
        ("-5", SHORTEST_LEASE_SECONDS),
        ("15", 15),
        ("90.9", 90),
        ("3601", LONGEST_LEASE_SECONDS),
        ("1e300", LONGEST_LEASE_SECONDS),
        ("1e999", SHORTEST_LEASE_SECONDS),
    ],
)
def test_a_lease_is_kept_within_its_limits(ttl: str, seconds: int) -> None:
    assert read_answer(200, f'{{"result": true, "ttl": {ttl}}}'.encode()).lease_seconds == seconds


@pytest.mark.parametrize("ttl", ['"60"', "null", "true", "[60]", "{}"])
def test_a_lease_that_is_no_number_makes_no_answer(ttl: str) -> None:
    assert read_answer(200, f'{{"result": true, "ttl": {ttl}}}'.encode()).outcome is UNANSWERED


def test_grants_that_we_do_not_know_grant_nothing() -> None:
    def grants(text: str) -> frozenset[Kind] | None:
        return read_answer(200, f'{{"result": true, "grants": {text}}}'.encode()).grants

    assert grants('["audio", "video", "screen", "data"]') == frozenset(Kind)
    assert grants('["audio", "AUDIO", "everything"]') == {Kind.AUDIO}
    assert grants("[]") == frozenset()
    assert read_answer(200, b'{"result": true}').grants is None
    for wrong in ('"audio"', "null", '["audio", 1]', '{"audio": true}'):
        assert read_answer(200, f'{{"result": true, "grants": {wrong}}}'.encode()).outcome is UNANSWERED


def test_a_reason_is_shown_on_one_line_without_tricks() -> None:
    body = json.dumps({"result": False, "reason": "  Your\u202e seat\n\twas\x00 sold <b>twice</b>  "})
    assert read_answer(200, body.encode()).reason == "Your seat was sold <b>twice</b>"
    assert len(clean_reason("a" * 1000)) == 300
    assert clean_reason(["no"]) == ""


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "ä", "a" * 2049, "a\x7f"])
def test_a_token_is_visible_ascii(text: str) -> None:
    assert not is_token(text)


def test_a_token_may_be_what_tokens_are() -> None:
    assert is_token("eyJhbGciOiJIUzI1NiJ9.e30.x-_~+/=")


@given(st.integers(100, 599), st.binary(max_size=200))
def test_whatever_comes_back_is_never_a_yes_by_accident(status: int, body: bytes) -> None:
    verdict = read_answer(status, body)
    if verdict.outcome is ALLOWED:
        assert status == 200 and json.loads(body)["result"] in (True, "true")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["result", "url", "ttl"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["result", "url", "ttl", "grants", "reason", "x"]), JSON))
def test_whatever_json_comes_back_has_a_meaning(fields: dict[str, object]) -> None:
    verdict = read_answer(200, json.dumps(fields).encode())
    if verdict.outcome is ALLOWED:
        assert fields["result"] is True or fields["result"] == "true"
        assert verdict.lease_seconds is None or 15 <= verdict.lease_seconds <= 3600
