"""The personal half of an audit entry: how it is put together and read. Stores nothing.

The body is what the chain commits to. The network lies outside it under a commitment of its own, so that it can be
emptied earlier than the rest. `people` and the keys of meeting and actor only index the body; `verify` compares them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meetings import chain
from meetings.models import AuditDetail, AuditEntry


@dataclass(frozen=True, slots=True)
class Composed:
    """What `AuditDetail` stores about one entry, but for the keys."""

    salt: str
    body: str
    network: str
    network_salt: str
    people: str

    @property
    def commitment(self) -> str:
        return chain.commitment_of(self.salt, self.body)


def compose(fields: Mapping[str, Any], network: str) -> Composed:
    """Salt, body and index for `fields`; `network` is truncated already. Raises TypeError for what has no stable form.

    The salts make both commitments unguessable: there are few networks, and few names.
    """
    network_salt = secrets.token_urlsafe(32) if network else ""
    committed = chain.commitment_of(network_salt, network) if network else ""
    whole = {**fields, "network": committed, "facts": chain.plain(fields["facts"])}
    return Composed(secrets.token_urlsafe(32), chain.canonical(whole), network, network_salt, people_of(whole))


def people_of(body: Mapping[str, Any]) -> str:
    """Names and addresses in a body, one a line, folded for searching."""
    facts = body["facts"]
    named = [body["actor_label"], body["target"], facts.get("email"), facts.get("name")]
    return "\n".join(dict.fromkeys(folded(name) for name in named if isinstance(name, str) and name))


def folded(text: str) -> str:
    """Text as it is compared: without case, and without the line ends that would split a name in two."""
    return " ".join(text.casefold().split())


def raw_body(detail: AuditDetail | None) -> dict[str, Any] | None:
    """The body exactly as it is committed to, or None once it was erased."""
    return json.loads(detail.body) if detail is not None and detail.body else None


def body_of(entry: AuditEntry) -> dict[str, Any]:
    """The personal half of an entry with its network in plain, or an empty dictionary once it was erased."""
    detail = getattr(entry, "detail", None)
    body = raw_body(detail)
    if body is None or detail is None:
        return {}
    return {**body, "network": detail.network}
