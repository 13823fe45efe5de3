"""One exchange with an authorization service: the question as it is sent, the answer as it is understood.

Knows no rows and no rooms. What it returns can be shown to an administrator: secrets are masked in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from meetings.outgoing.client import Answer, Outgoing, OutgoingFailed, Timing
from meetings.outgoing.destinations import Allowances, Destination
from meetings.roundtrip import protocol
from meetings.roundtrip.protocol import Ask, Outcome, Profile, Verdict

SHOWN_BYTES: Final = 2_000
_SECRET_FIELDS = re.compile(r'("(?:password|token)"\s*:\s*")((?:[^"\\]|\\.)*)(")')


@dataclass(frozen=True)
class AskedService:
    """A service that must agree, as it is set now. `secrets`: the present one first; the one before for a day.

    key: "organisation", or the id of the meeting whose own it is. problem: why it can't be asked at all, a sentence;
    then it answers nothing, and nobody comes in.
    """

    key: str
    destination: Destination | None
    profile: Profile
    secrets: tuple[str, ...]
    names: str
    lease_seconds: int
    allowances: Allowances
    problem: str = ""

    @property
    def identity(self) -> tuple[str, str, Profile]:
        """What makes it another service, whose word has to be asked anew."""
        return self.key, str(self.destination), self.profile


@dataclass(frozen=True)
class Exchange:
    """What was sent, what came back and what it means. `failure` is the way out's code where nothing came back."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    answer: Answer | None
    verdict: Verdict
    failure: str = ""
    timing: Timing | None = None

    @property
    def shown_headers(self) -> dict[str, str]:
        """The request's headers with the signature cut short: whoever reads over a shoulder can't use it."""
        return {name: f"{value[:11]}…" if name == protocol.SIGNATURE else value for name, value in self.headers.items()}

    @property
    def shown_body(self) -> str:
        return masked(self.body)

    @property
    def shown_answer(self) -> str:
        """The answer's first 2,000 bytes as text."""
        return self.answer.body[:SHOWN_BYTES].decode("utf-8", "replace") if self.answer is not None else ""


def masked(body: bytes) -> str:
    """A request's body with passwords and tokens cut to their first letters."""
    text = body.decode("utf-8", "replace")
    return _SECRET_FIELDS.sub(lambda found: f"{found[1]}{found[2][:4]}{'…' if found[2] else ''}{found[3]}", text)


async def validate(outgoing: Outgoing, service: AskedService, ask: Ask) -> Exchange:
    """Asks whether this may be. Never raises: what goes wrong is an exchange without an answer."""
    body = protocol.validate_body(service.profile, ask)
    return await _exchange(outgoing, service, protocol.VALIDATE, body, ask)


async def invalidate(outgoing: Outgoing, service: AskedService, ask: Ask) -> Exchange:
    """Tells that a publisher has gone. What the service says to that changes nothing."""
    body = protocol.invalidate_body(service.profile, ask)
    return await _exchange(outgoing, service, protocol.INVALIDATE, body, ask)


async def _exchange(outgoing: Outgoing, service: AskedService, endpoint: str, body: bytes, ask: Ask) -> Exchange:
    headers = protocol.request_headers(service.profile, service.secrets, body, ask.issued_at)
    if service.destination is None or service.problem:
        return Exchange("", headers, body, None, _unanswered(service.problem), "refused")
    destination = service.destination.below(endpoint)
    try:
        answer = await outgoing.post(
            destination,
            body,
            headers,
            allowances=service.allowances,
            deadline_seconds=protocol.DEADLINE_SECONDS,
            most_bytes=protocol.MOST_ANSWER_BYTES,
        )
    except OutgoingFailed as failed:
        verdict = _unanswered(failed.message)
        return Exchange(str(destination), headers, body, None, verdict, failed.code, failed.timing)
    verdict = protocol.read_answer(answer.status, answer.body)
    return Exchange(str(destination), headers, body, answer, verdict, "", answer.timing)


def _unanswered(problem: str) -> Verdict:
    return Verdict(Outcome.UNANSWERED, problem=problem)
