"""docs/round-trip.md is what customers build on: its questions are ours, its answers mean that, its code runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import TestCase

from meetings.outgoing import allowed
from meetings.roundtrip import services, trial
from meetings.roundtrip.asking import AskedService
from meetings.roundtrip.protocol import (
    LONGEST_LEASE_SECONDS,
    MOST_ANSWER_BYTES,
    SHORTEST_LEASE_SECONDS,
    Ask,
    Outcome,
    Profile,
    invalidate_body,
    is_signed,
    read_answer,
    request_headers,
    validate_body,
)
from meetings.roundtrip.services import Settings
from meetings.tests.answering_service import answer, served
from meetings.views.callback import FIELDS

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "round-trip.md").read_text()
CODE = re.findall(r"```(\w+) (\S+)\n(.*?)```", DOCUMENT, re.DOTALL)
SECRET = "lintelrta_documented"


def code(language: str, name: str) -> str:
    (found,) = [text for where, what, text in CODE if (where, what) == (language, name)]
    return found


def examples(kind: str) -> list[tuple[str, str]]:
    return [(what, text) for where, what, text in CODE if where == "json" and what.startswith(kind)]


def question() -> Ask:
    fields = json.loads(code("json", "ask:signed"))
    return Ask(
        fields["type"],
        fields["username"],
        fields["password"],
        fields["streamID"],
        fields["token"],
        fields["room"],
        fields["participant"],
        fields["requestId"],
        fields["nodeId"],
        fields["clientNetwork"],
        fields["iat"],
    )


def test_the_questions_are_those_that_we_ask() -> None:
    ask = question()
    assert json.loads(validate_body(Profile.SIGNED, ask)) == json.loads(code("json", "ask:signed"))
    assert validate_body(Profile.RED5, ask) and json.loads(code("json", "ask:red5")).keys() == {
        *json.loads(validate_body(Profile.RED5, ask))
    }
    told = json.loads(invalidate_body(Profile.RED5, ask))
    assert told.keys() - json.loads(code("json", "ask:invalidate")).keys() == {"token"}


@pytest.mark.parametrize(("what", "text"), examples("answer:"))
def test_an_answer_means_what_it_is_said_to_mean(what: str, text: str) -> None:
    assert read_answer(200, text.encode()).outcome == Outcome(what.removeprefix("answer:"))


def test_the_limits_are_ours() -> None:
    assert f"{SHORTEST_LEASE_SECONDS} to {LONGEST_LEASE_SECONDS:,} " in DOCUMENT
    assert f"longer than {MOST_ANSWER_BYTES // 1024} KiB" in DOCUMENT


def test_what_is_taken_back_has_the_fields_that_we_read() -> None:
    assert json.loads(code("json", "revoke")).keys() <= FIELDS.keys()
    for name in FIELDS:
        assert f"| `{name}` |" in DOCUMENT


def signed(body: bytes) -> dict[str, str]:
    return request_headers(Profile.SIGNED, [SECRET, "the one before"], body, int(time.time()))


def test_the_python_check_takes_our_requests_and_no_others() -> None:
    names: dict[str, object] = {}
    exec(code("python", "check"), names)  # noqa: S102 - the document's own code
    is_genuine = names["is_genuine"]
    body = validate_body(Profile.SIGNED, question())
    assert is_genuine(SECRET, signed(body), body)  # type: ignore[operator]
    assert not is_genuine(SECRET, signed(body), body + b" ")  # type: ignore[operator]
    assert not is_genuine("another", signed(body), body)  # type: ignore[operator]


def test_the_javascript_check_takes_our_requests_and_no_others(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is missing: apt-get install -y nodejs")
    body = validate_body(Profile.SIGNED, question())
    headers = {name.lower(): value for name, value in signed(body).items()}
    (tmp_path / "check.mjs").write_text(code("javascript", "check"))
    (tmp_path / "run.mjs").write_text(
        'import { isGenuine } from "./check.mjs";\n'
        f"const body = Buffer.from({json.dumps(body.decode())});\nconst headers = {json.dumps(headers)};\n"
        f"console.log(isGenuine({json.dumps(SECRET)}, headers, body), isGenuine('another', headers, body));\n"
    )
    done = subprocess.run([node, tmp_path / "run.mjs"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["true", "false"]


def test_the_shell_computes_our_signature(tmp_path: Path) -> None:
    body = validate_body(Profile.SIGNED, question())
    headers = signed(body)
    (tmp_path / "body.json").write_bytes(body)
    done = subprocess.run(
        ["/bin/sh", "-c", code("sh", "check")],
        cwd=tmp_path,
        env={**os.environ, "SECRET": SECRET, "TIMESTAMP": headers["X-RTA-Timestamp"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == headers["X-RTA-Signature"].split(", ")[0]


def test_the_shell_takes_a_yes_back(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is missing: apt-get install -y curl")
    with served(answer(200, {"result": True, "repeated": False})) as lintel:
        environment = {**os.environ, "SECRET": SECRET, "LINTEL": lintel.url}
        shell = ["/bin/sh", "-ec", code("sh", "revoke")]
        subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=60)
    (request,) = lintel.requests
    assert request.path == "/rta/revoke"
    assert request.json.keys() <= FIELDS.keys()
    timestamp, given = request.headers["x-rta-timestamp"], request.headers["x-rta-signature"]
    assert is_signed([SECRET], timestamp, given, request.body, time.time())


@contextmanager
def documented_service(tmp_path: Path) -> Iterator[str]:
    """The document's service as a process of its own; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = tmp_path / "service.py"
    script.write_text(code("python", "service"))
    environment = {**os.environ, "LINTEL_RTA_SECRET": SECRET, "PORT": str(port)}
    with subprocess.Popen([sys.executable, script], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


class TheDocumentedService(TestCase):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path

    def test_it_answers_as_the_document_says(self) -> None:
        with documented_service(self.directory) as url:
            allowed.allow(None, url)
            row = services.change_service(None, None, Settings(url=url))
            asked = services.as_asked(row)
            known = replace(asked, secrets=(SECRET,))
            assert self.outcome(known, token="ticket-7") is Outcome.ALLOWED
            assert self.outcome(known, token="ticket-9") is Outcome.REFUSED
            assert self.outcome(asked, token="ticket-7") is Outcome.REFUSED, "another secret"

    @staticmethod
    def outcome(service: AskedService, *, token: str) -> Outcome:
        return trial.run(service, trial.question(service, token=token)).verdict.outcome
