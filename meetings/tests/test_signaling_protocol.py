"""Messages are parsed strictly, and whatever is sent yields a message or a stable code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetings.signaling import protocol
from meetings.signaling.protocol import CLIENT_MESSAGES, ProtocolError, clean_name, decode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def refusal(frame: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode(frame)
    return caught.value


def test_a_message_carries_its_fields_and_defaults() -> None:
    message = decode('{"type":"door.refuse","id":"21","participant":"p"}')
    assert (message.type, message.id, dict(message.fields)) == (
        "door.refuse",
        "21",
        {"participant": "p", "block": False, "note": ""},
    )


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "x",
        "[]",
        "1",
        "null",
        '"hello"',
        '{"type":"ping"',
        '{"type":"ping","n":NaN}',
        "[" * 60_000,
        "1" * 60_000,
        '{"type":"leave","type":"host.end"}',
        '{"type":"ping"}{"type":"ping"}',
        '{"a":' * 12_000,
    ],
)
def test_what_is_not_one_plain_json_object_is_bad_json(frame: str) -> None:
    assert refusal(frame).code == "bad_json"


@pytest.mark.parametrize("kind", ["", "Ping", "__class__", "host", "door", "room", "ok", None, 7, ["ping"], {"a": 1}])
def test_a_type_that_is_no_client_message_is_bad_type(kind: Any) -> None:
    assert refusal(json.dumps({"type": kind})).code == "bad_type"


def test_an_unknown_field_is_refused_and_the_id_is_told() -> None:
    error = refusal('{"type":"ping","id":"9","extra":1}')
    assert (error.code, error.message_id) == ("bad_field", "9")


@pytest.mark.parametrize("message_id", [1, "", "x" * 33, None.__class__.__name__ * 9, "a\nb", True, []])
def test_an_id_is_short_printable_text(message_id: Any) -> None:
    assert refusal(json.dumps({"type": "ping", "id": message_id})).code == "bad_field"


NEEDED = {
    kind: [name for name, field in fields.items() if field.default is ...] for kind, fields in CLIENT_MESSAGES.items()
}


@pytest.mark.parametrize("kind", [kind for kind, needed in NEEDED.items() if needed])
def test_a_missing_field_is_named(kind: str) -> None:
    needed = NEEDED[kind]
    error = refusal(json.dumps({"type": kind}))
    assert (error.code, error.field) == ("bad_field", needed[0])


@pytest.mark.parametrize("value", [1, 0, "true", None, [], {}])
def test_true_is_only_true(value: Any) -> None:
    assert refusal(json.dumps({"type": "hand", "raised": value})).field == "raised"


@pytest.mark.parametrize("text", ["", "   ", "x" * 4_001, "\\ud800", 5, None, "\\u202e"])
def test_chat_is_text_that_can_be_written_and_seen(text: Any) -> None:
    written = f'"{text}"' if isinstance(text, str) else json.dumps(text)
    assert refusal(f'{{"type":"chat","text":{written}}}').code == "bad_field"


def test_chat_loses_what_would_disguise_it_and_keeps_its_lines() -> None:
    assert decode('{"type":"chat","text":" a\\u202eb\\u0000\\nc "}')["text"] == "ab\nc"


def test_a_reaction_is_one_of_six() -> None:
    assert decode('{"type":"reaction","emoji":"❤️"}')["emoji"] == "❤️"
    assert refusal('{"type":"reaction","emoji":"💣"}').code == "bad_field"


def test_an_sdp_that_is_too_large_says_so() -> None:
    sdp = "v" * (protocol.MAX_SDP_BYTES + 1)
    assert refusal(json.dumps({"type": "media.publish", "sdp": sdp, "sources": {}})).code == "too_large"


@pytest.mark.parametrize("sources", [[], "x", {"0": "tape"}, {"": "camera"}, {str(n): "camera" for n in range(33)}])
def test_sources_map_mids_to_known_names(sources: Any) -> None:
    assert refusal(json.dumps({"type": "media.publish", "sdp": "v=0", "sources": sources})).field == "sources"


@pytest.mark.parametrize(
    "key", ["", "A" * 42, "A" * 44, "A" * 42 + "B", "A" * 42 + "=", "+" * 43, "A" * 42 + "\n", 5, None, []]
)
def test_bytes_are_base64url_of_the_right_length_in_their_one_spelling(key: Any) -> None:
    assert decode(json.dumps({"type": "e2ee.identify", "key": "A" * 43}))["key"] == "A" * 43
    assert refusal(json.dumps({"type": "e2ee.identify", "key": key})).field == "key"


@pytest.mark.parametrize(
    "offers",
    [
        None,
        {},
        [1],
        [{}],
        [{"participant": "p"}],
        [{"participant": "p", "offer": 1, "more": 1}],
        [{"participant": "", "offer": 1}],
        [{"participant": "p", "offer": -1}],
        [{"participant": "p", "offer": True}],
        [{"participant": "p", "offer": 1}] * 101,
    ],
)
def test_offers_are_a_bounded_list_of_participants_and_numbers(offers: Any) -> None:
    assert refusal(json.dumps({"type": "e2ee.decline", "offers": offers, "more": False})).field == "offers"


def test_only_a_commit_may_be_larger_than_a_frame() -> None:
    commit = {"type": "e2ee.commit", "group": "A" * 22, "epoch": 1, "commit": "A" * 80_000, "add": [], "remove": []}
    assert decode(json.dumps(commit))["welcome"] is None
    with pytest.raises(protocol.FrameTooLarge):
        decode(json.dumps(commit | {"type": "e2ee.app", "class": "chat", "message": "A" * 80_000}))
    with pytest.raises(protocol.FrameTooLarge):
        decode(json.dumps(commit | {"commit": "A" * 300_000}))
    assert refusal(json.dumps(commit | {"commit": "AA", "remove": ["p"] * 101})).field == "remove"


@given(JSON)
def test_any_json_is_a_message_or_a_stable_code(value: Any) -> None:
    _decode_or_code(json.dumps(value))


@given(st.sampled_from(sorted(CLIENT_MESSAGES)), st.dictionaries(st.text(max_size=12), JSON, max_size=4))
def test_any_fields_are_a_message_or_a_stable_code(kind: str, fields: dict[str, Any]) -> None:
    names = list(CLIENT_MESSAGES[kind])
    renamed = {names[n % len(names)] if names and n % 2 else key: fields[key] for n, key in enumerate(fields)}
    _decode_or_code(json.dumps({**renamed, "type": kind}))


@given(st.text())
def test_any_text_is_a_message_or_a_stable_code(frame: str) -> None:
    _decode_or_code(frame)


def _decode_or_code(frame: str) -> None:
    try:
        message = decode(frame)
    except ProtocolError as error:
        assert error.code in {"bad_json", "bad_type", "bad_field", "too_large"}
        protocol.encode(protocol.error(error)).encode()
    else:
        assert message.fields.keys() == CLIENT_MESSAGES[message.type].keys()
        json.dumps({name: dict(v) if hasattr(v, "items") else v for name, v in message.fields.items()}).encode()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Peter \t Lindqvist\n", "Peter Lindqvist"),
        ("Pe\u202eter", "Peter"),
        ("\u200b\u2066\u0007", ""),
        ("Pe\u3164ter\u115f Lind\u1160qvist\uffa0", "Peter Lindqvist"),
        ("Peter\u2800\u2800Lindqvist", "Peter Lindqvist"),
        ("\u200d\u034f\ufe0f", ""),
        ("A\u200b\u030a", "Å"),
        ("x" * 99, "x" * 60),
        ("أحمد", "أحمد"),
        ("A\u030a", "Å"),
    ],
)
def test_a_name_is_one_visible_line(typed: str, shown: str) -> None:
    assert clean_name(typed) == shown


@given(st.text())
def test_a_clean_name_stays_as_it_is(typed: str) -> None:
    assert clean_name(clean_name(typed)) == clean_name(typed)
