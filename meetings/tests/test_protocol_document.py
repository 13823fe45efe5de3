"""docs/protocol.md is the contract: every example in it is read here, and every message has one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from meetings import budgets
from meetings.consumers import MOST_OVER_RATE
from meetings.doortable import MOST_INSIDE
from meetings.signaling import protocol
from meetings.signaling.fields import MAX_SDP_MEDIA_LINES
from meetings.signaling.messages import MAX_NOTE_LENGTH
from meetings.signaling.protocol import CLIENT_MESSAGES, SERVER_MESSAGES, Close

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text()
EXAMPLES = re.findall(r"```json (client|server|request|answer):([a-z0-9._]+)\n(.*?)```", DOCUMENT, re.DOTALL)


def examples(side: str) -> list[tuple[str, str]]:
    return [(name, text) for where, name, text in EXAMPLES if where == side]


@pytest.mark.parametrize(("name", "text"), examples("client"))
def test_a_client_example_is_a_message(name: str, text: str) -> None:
    assert protocol.decode(text).type == name


@pytest.mark.parametrize(("name", "text"), examples("server"))
def test_a_server_example_has_the_fields_that_we_send(name: str, text: str) -> None:
    example = protocol.parse_object(text)
    assert example.pop("type") == name
    assert example.keys() >= SERVER_MESSAGES[name]
    for part, fields in parts(name, example):
        assert part.keys() == fields


def parts(name: str, example: dict[str, Any]) -> list[tuple[dict[str, Any], frozenset[str]]]:
    """The objects inside a server message and the fields that each has."""
    found = [(person, protocol.PERSON_FIELDS) for person in example.get("people", [])]
    found += [(person, protocol.WAITING_FIELDS) for person in example.get("waiting") or []]
    if "meeting" in example:
        found.append((example["meeting"], protocol.MEETING_FIELDS))
    if name == "person":
        found.append((example["person"], protocol.PERSON_FIELDS))
    return found


def test_every_message_has_an_example() -> None:
    assert {name for name, _ in examples("client")} == set(CLIENT_MESSAGES)
    assert {name for name, _ in examples("server")} == set(SERVER_MESSAGES)


def test_every_error_and_close_code_is_explained() -> None:
    for code in protocol.ERROR_CODES:
        assert f"`{code}`" in DOCUMENT
    for code in (value for name, value in vars(Close).items() if name.isupper()):
        assert f"\n| {code} | " in DOCUMENT


def test_the_limits_are_those_of_the_code() -> None:
    section = DOCUMENT.split("## 5. Limits")[1].split("## 6.")[0]
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE))
    signals = "hand, reaction, record, record.answer, media.stats, e2ee.identify, e2ee.app of the other classes"
    rates = {
        "chat": budgets.CHAT,
        signals: budgets.SIGNALS,
        "media.start, media.publish": budgets.NEGOTIATIONS,
        "media.show": budgets.SHOWN,
        "media.speaking": budgets.SPEECH,
        "e2ee.commit": budgets.COMMITS,
    }
    said = re.findall(r"^\| (.+?) \| (\d+)/s with a burst of (\d+)", section, re.MULTILINE)
    assert {row: (int(rate), int(burst)) for row, rate, burst in said} == {
        row: (budget.rate.per_second, budget.most) for row, budget in rates.items()
    }
    numbers = {
        "frame": [protocol.MAX_FRAME_BYTES // 1024, protocol.MAX_LARGE_FRAME_BYTES // 1024],
        "arrive and look": [budgets.REQUESTS.most, budgets.TRIES.most],
        "sockets": [4409, budgets.OPENING_SOCKETS.most, budgets.SOCKETS.most, 4429],
        "people": [
            MOST_INSIDE,
            budgets.WAITING.most,
            budgets.WAITING_OF_A_NETWORK.most,
            budgets.WAITING_KNOWN.most,
        ],
        "SDP": [protocol.MAX_SDP_BYTES // 1024, MAX_SDP_MEDIA_LINES],
        "note, message": [MAX_NOTE_LENGTH],
    }
    assert {row: [int(number) for number in re.findall(r"\b\d+\b", rows[row])] for row in numbers} == numbers
    words = budgets.MESSAGES
    assert f"{words.rate.per_second} messages/s with a burst of {words.most} per socket" in DOCUMENT
    assert f"at {MOST_OVER_RATE} over the limit close 4429" in DOCUMENT
    assert budgets.STRIKES.most == 10
    assert "Ten errors of the kind" in DOCUMENT


def test_the_request_and_its_answer_are_json() -> None:
    request = json.loads(dict(examples("request"))["arrive"])
    assert request.keys() == {
        "name",
        "device",
        "proof",
        "email",
        "email_code",
        "new_code",
        "move",
        "tell_hosts",
        "authorization",
        "account",
        "invitation",
    }
    answer = json.loads(dict(examples("answer"))["arrive"])
    assert answer.keys() == {"outcome", "reason", "until", "participant", "ticket", "socket"}
