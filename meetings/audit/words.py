"""Audit entries in plain words: who did what to whom, and why. Reads the entry it is given and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from meetings import doorwords
from meetings.audit.details import raw_body
from meetings.models import AuditEntry

SENTENCES: Final[Mapping[str, Any]] = {
    "account.created": gettext_lazy("{actor} made an account for {target}"),
    "account.set_up": gettext_lazy("{target} set a password and opened the account"),
    "account.link_made": gettext_lazy("{actor} made a set-up link for {target}"),
    "account.deactivated": gettext_lazy("{actor} deactivated the account of {target}"),
    "account.reactivated": gettext_lazy("{actor} reactivated the account of {target}"),
    "account.role_changed": gettext_lazy("{actor} changed the role of {target} to {role}"),
    "account.changed": gettext_lazy("{actor} changed the account of {target}"),
    "account.renamed": gettext_lazy("{was} calls themselves {target} now"),
    "account.password_changed": gettext_lazy("{target} changed their password"),
    "account.password_reset": gettext_lazy("{target} set a new password by mail"),
    "account.sessions_ended": gettext_lazy("{target} signed out everywhere"),
    "account.signed_in": gettext_lazy("{target} signed in"),
    "account.signed_out": gettext_lazy("{target} signed out"),
    "account.sign_in_refused": gettext_lazy("Somebody tried to sign in as {target} and was refused"),
    "person.exported": gettext_lazy("{actor} exported everything about {target}"),
    "person.erased": gettext_lazy("{actor} erased everything about one person"),
    "token.made": gettext_lazy("{actor} made the API token {target}"),
    "token.revoked": gettext_lazy("{actor} revoked the API token {target}"),
    "audit.opened": gettext_lazy("{actor} opened the audit log"),
    "audit.exported": gettext_lazy("{actor} exported the audit log"),
    "audit.erased": gettext_lazy("{actor} erased {what} of earlier entries"),
    "meeting.scheduled": gettext_lazy("{actor} scheduled the meeting"),
    "meeting.changed": gettext_lazy("{actor} changed the meeting"),
    "meeting.link_replaced": gettext_lazy("{actor} replaced the meeting link"),
    "meeting.files_passed": gettext_lazy("Sealed files were passed on in the meeting; none of them is kept"),
    "meeting.link_key_made": gettext_lazy("A browser of {actor} made the key of the sealed meeting’s link"),
    "meeting.link_key_replaced": gettext_lazy("{actor} gave the sealed meeting’s link a new key"),
    "meeting.cancelled": gettext_lazy("{actor} cancelled the meeting"),
    "meeting.occurrence_moved": gettext_lazy("{actor} moved one date of the meeting"),
    "meeting.occurrence_cancelled": gettext_lazy("{actor} cancelled one date of the meeting"),
    "meeting.series_ended": gettext_lazy("{actor} cancelled a date of the meeting and all that follow"),
    "meeting.started": gettext_lazy("The meeting started when {target} came in"),
    "meeting.suspended": gettext_lazy("{actor} suspended the meeting: nobody was seen or heard"),
    "meeting.resumed": gettext_lazy("{actor} resumed the meeting"),
    "meeting.ended": gettext_lazy("{actor} ended the meeting for everyone"),
    "meeting.ended_empty": gettext_lazy("The meeting ended: its time was over and nobody was left"),
    "invitation.created": gettext_lazy("{actor} invited {target}"),
    "invitation.sent": gettext_lazy("The invitation to {target} was mailed"),
    "invitation.mail_failed": gettext_lazy("The mail to {target} could not be sent"),
    "invitation.link_made": gettext_lazy("{actor} made a personal link for {target}"),
    "invitation.sent_again": gettext_lazy("{actor} sent the invitation to {target} again"),
    "invitation.revoked": gettext_lazy("{actor} revoked the invitation of {target}"),
    "invitation.restored": gettext_lazy("{actor} restored the invitation of {target}"),
    "invitation.claimed": gettext_lazy("The personal link of {target} was used for the first time"),
    "invitation.link_in_use": gettext_lazy("The personal link of {target} was tried on a second device and refused"),
    "invitation.move_asked": gettext_lazy("A second device asks to take over the personal link of {target}"),
    "invitation.move_refused": gettext_lazy("{actor} kept the personal link of {target} where it is"),
    "invitation.moved": gettext_lazy("The personal link of {target} moved to a second device"),
    "invitation.link_replaced": gettext_lazy("{actor} replaced the personal link of {target}"),
    "invitation.links_withdrawn": gettext_lazy(
        "Personal links that {target}, who hosts no more, had copied ended unused"
    ),
    "invitation.address_changed": gettext_lazy("{actor} changed the address of {target}"),
    "invitation.asked_again": gettext_lazy("{target} asked for the newest link"),
    "invitation.renamed": gettext_lazy("{actor} changed the name of {target}"),
    "invitation.code_sent": gettext_lazy("A code was mailed to {target}"),
    "invitation.code_right": gettext_lazy("{target} typed the mailed code"),
    "invitation.code_wrong": gettext_lazy("A wrong code was typed for {target}"),
    "door.address_sent": gettext_lazy("A code was mailed to {target}, an address given at the door"),
    "door.address_unknown": gettext_lazy("{target} was given at the door and is not invited: no code was mailed"),
    "door.address_right": gettext_lazy("Somebody at the door showed that {target} is theirs"),
    "door.address_wrong": gettext_lazy("A wrong code was typed for {target}, an address given at the door"),
    "door.admitted": gettext_lazy("{target} may come in"),
    "door.waits": gettext_lazy("{target} waits at the door"),
    "door.knocked": gettext_lazy("{target} knocked"),
    "door.refused": gettext_lazy("{target} was turned away by the rules"),
    "door.refusals_counted": gettext_lazy("More tries from one network were refused"),
    "door.tries_refused": gettext_lazy("{tries} turned away"),
    "door.link_tried_widely": gettext_lazy("Hosts were warned: {link} is being tried from many networks"),
    "door.entered": gettext_lazy("{target} came in"),
    "door.left": gettext_lazy("{target} left"),
    "door.stopped": gettext_lazy("{target} stopped waiting"),
    "door.let_in": gettext_lazy("{actor} let {target} in"),
    "door.vouched": gettext_lazy("{actor} confirmed {target} for the encrypted room"),
    "door.message": gettext_lazy("{actor} asked {target} to keep waiting"),
    "door.turned_away": gettext_lazy("{actor} turned {target} away"),
    "door.blocked": gettext_lazy("{actor} turned {target} away and blocked them"),
    "door.removed": gettext_lazy("{actor} removed {target}"),
    "door.removed_and_blocked": gettext_lazy("{actor} removed {target} and blocked them"),
    "door.moved_to_door": gettext_lazy("{actor} moved {target} back to the door"),
    "door.put_out": gettext_lazy("{target} was put out by the rules"),
    "door.rule_changed": gettext_lazy("{actor} changed the door: {changes}"),
    "door.exception_set": gettext_lazy("{actor} made an exception at the door for {target}"),
    "door.exception_lifted": gettext_lazy("{actor} lifted the exception for {target}"),
    "door.block_lifted": gettext_lazy("{actor} lifted the block on {target}"),
    "door.list_added": gettext_lazy("{actor} put {target} on the list"),
    "door.list_removed": gettext_lazy("{actor} took {target} off the list"),
    "organisation.template_made": gettext_lazy("{actor} made the door template {target}"),
    "organisation.template_changed": gettext_lazy("{actor} changed the door template {target}"),
    "organisation.template_deleted": gettext_lazy("{actor} deleted the door template {target}"),
    "organisation.group_made": gettext_lazy("{actor} made the group {target}"),
    "organisation.group_changed": gettext_lazy("{actor} changed the group {target}"),
    "organisation.group_deleted": gettext_lazy("{actor} deleted the group {target}"),
    "door.locked": gettext_lazy("{actor} locked the door"),
    "door.locked_by_rule": gettext_lazy("The door locked by itself"),
    "door.unlocked": gettext_lazy("{actor} unlocked the door"),
    "organisation.retention_changed": gettext_lazy("{actor} changed how long personal data are kept"),
    "retention.applied": gettext_lazy("{actor} erased what had been kept as long as was settled"),
    "organisation.door_changed": gettext_lazy("{actor} changed what holds for the doors of all meetings"),
    "authorization.service_changed": gettext_lazy("{actor} changed the authorization service: {changes}"),
    "authorization.secret_made": gettext_lazy("{actor} made a new secret for the authorization service"),
    "authorization.agreed": gettext_lazy("The authorization service agreed to {target}"),
    "authorization.refused": gettext_lazy("The authorization service refused {target}"),
    "authorization.lapsed": gettext_lazy("{target} was put back at the door: the authorization service did not answer"),
    "authorization.source_agreed": gettext_lazy("The authorization service agreed to the {source} of {target}"),
    "authorization.source_refused": gettext_lazy("The authorization service refused the {source} of {target}"),
    "authorization.source_lapsed": gettext_lazy(
        "The {source} of {target} stopped: the authorization service did not answer"
    ),
    "authorization.receiving_refused": gettext_lazy(
        "The authorization service refused {target} the {source} of somebody else"
    ),
    "authorization.receiving_lapsed": gettext_lazy(
        "{target} lost the {source} of somebody else: the authorization service did not answer"
    ),
    "authorization.unanswered": gettext_lazy("The authorization service did not answer"),
    "authorization.callback_refused": gettext_lazy(
        "A request to take back the authorization service’s word was refused: {reason}"
    ),
    "authorization.answered": gettext_lazy("The authorization service answers again"),
    "authorization.taken_back": gettext_lazy("The authorization service took back its word about {target}"),
    "stream.answers_changed": gettext_lazy("{actor} changed who may ask for Red5 Pro streams"),
    "stream.secret_made": gettext_lazy("{actor} made a new address at which Red5 Pro servers ask"),
    "stream.pass_made": gettext_lazy("{actor} made a stream pass for {target}"),
    "stream.allowed": gettext_lazy("A Red5 Pro server was told yes about {target}"),
    "stream.refused": gettext_lazy("A Red5 Pro server was told no about {target}"),
    "stream.ended": gettext_lazy("The stream pass of {target} ended: they stopped publishing"),
    "device.made": gettext_lazy("{actor} made a token for the device {target}"),
    "device.taken_back": gettext_lazy("{actor} took back the token of the device {target}"),
    "webhook.made": gettext_lazy("{actor} made a webhook to {target}"),
    "webhook.changed": gettext_lazy("{actor} changed the webhook to {target}"),
    "webhook.secret_made": gettext_lazy("{actor} made a new secret for the webhook to {target}"),
    "webhook.ended": gettext_lazy("{actor} ended the webhook to {target}"),
    "webhook.switched_off": gettext_lazy("The webhook to {target} was switched off"),
    "outgoing.allowed": gettext_lazy("{actor} allowed requests to {target}"),
    "outgoing.disallowed": gettext_lazy("{actor} no longer allows requests to {target}"),
    "meeting.host_made": gettext_lazy("{actor} made {target} a host"),
    "meeting.host_unmade": gettext_lazy("{actor} took the host’s role from {target}"),
    "host.rights_changed": gettext_lazy("{actor} changed who can do what: {changes}"),
    "host.person_rights": gettext_lazy("{actor} changed what {target} can do: {changes}"),
    "host.asked": gettext_lazy("{actor} asked {target} to turn on the {source}"),
    "record.started": gettext_lazy("{actor} began to record on their own device"),
    "record.stopped": gettext_lazy("{actor} stopped recording"),
    "host.spotlight_on": gettext_lazy("{actor} pinned {target} for everyone"),
    "host.spotlight_off": gettext_lazy("{actor} unpinned {target} for everyone"),
    "host.muted": gettext_lazy("{actor} stopped the {source} of {target}"),
}

REASONS: Final[Mapping[str, Any]] = {
    "host": gettext_lazy("hosts always walk in"),
    "walks_in": gettext_lazy("the door's rules say “walks in”"),
    "let_in": gettext_lazy("a host let them in"),
    "seat": gettext_lazy("they came back to their seat"),
    "knock": gettext_lazy("the door's rules say “knocks”"),
    "full": gettext_lazy("the room was full"),
    "early": gettext_lazy("the door was not open yet"),
    "no_host": gettext_lazy("no host was there yet"),
    "suspended": gettext_lazy("the meeting was suspended"),
    "sign_in": gettext_lazy("guests are turned away; they were not signed in"),
    "not_listed": gettext_lazy("they are not listed"),
    "closed": gettext_lazy("the door's rules say “turned away”"),
    "revoked": gettext_lazy("their invitation was revoked or their link replaced"),
    "link_in_use": gettext_lazy("their personal link belongs to another device"),
    "link_moved": gettext_lazy("their personal link moved to another device"),
    "link_replaced": gettext_lazy("there is a newer link"),
    "moving": gettext_lazy("they asked to take over a link that another device holds"),
    "move_refused": gettext_lazy("whoever uses their link on the other device said no"),
    "moved_by_device": gettext_lazy("whoever uses it on the first device agreed"),
    "moved_by_code": gettext_lazy("the mailed code was typed there"),
    "moved_by_host": gettext_lazy("a host let it in"),
    "verify_email": gettext_lazy("they had not typed the mailed code yet"),
    "not_let_in": gettext_lazy("a host had just said no"),
    "blocked": gettext_lazy("a host blocked them"),
    "removed": gettext_lazy("a host removed and blocked them"),
    "locked": gettext_lazy("the door was locked"),
    "ended": gettext_lazy("the meeting had ended"),
    "cancelled": gettext_lazy("the meeting was cancelled"),
    "inactive": gettext_lazy("their account was deactivated"),
    "room": gettext_lazy("the stream was not one of this meeting"),
    "capabilities": gettext_lazy("they may not publish"),
    "maker": gettext_lazy("whoever made the pass hosts no more"),
    "not_signed": gettext_lazy("its signature does not fit"),
    "not_about_now": gettext_lazy("its time is more than five minutes off"),
    "not_authorized": gettext_lazy("the authorization service refused them"),
    "authorization": gettext_lazy("the authorization service had not agreed to them"),
    "left": gettext_lazy("they pressed Leave"),
    "lost": gettext_lazy("their connection was lost and they did not come back"),
    "stopped": gettext_lazy("they stopped waiting"),
    "copy": gettext_lazy("copied by hand"),
    "mail": gettext_lazy("for the mail"),
    "api": gettext_lazy("for a program"),
    "retention": gettext_lazy("it was kept as long as was settled"),
    "request": gettext_lazy("on behalf of the person"),
}

ROWS: Final[Mapping[str, Any]] = {
    "host": gettext_lazy("host"),
    "listed": gettext_lazy("listed"),
    "colleague": gettext_lazy("signed in, not listed"),
    "guest": gettext_lazy("guest with a personal link"),
    "anyone": gettext_lazy("meeting link, not signed in"),
}

WAYS: Final[Mapping[str, Any]] = {
    "walks_in": gettext_lazy("walks in"),
    "knocks": gettext_lazy("knocks"),
    "turned_away": gettext_lazy("turned away"),
}

ANSWERS: Final[Mapping[str, Any]] = {
    **WAYS,
    "everyone": gettext_lazy("everyone"),
    "signed_in": gettext_lazy("people who are signed in"),
    "hosts": gettext_lazy("hosts only"),
    "yes": gettext_lazy("yes"),
    "no": gettext_lazy("no"),
    "as_all": gettext_lazy("as everybody"),
}

COLUMNS: Final[Mapping[str, Any]] = {
    "listed": gettext_lazy("people you listed"),
    "colleagues": gettext_lazy("others signed in"),
    "guests": gettext_lazy("guests you invited"),
    "anyone": gettext_lazy("anyone else with the link"),
    "title": gettext_lazy("title"),
    "notes": gettext_lazy("notes"),
    "starts_at": gettext_lazy("start"),
    "duration_minutes": gettext_lazy("length"),
    "time_zone": gettext_lazy("time zone"),
    "recurrence": gettext_lazy("repetition"),
    "hosts": gettext_lazy("hosts"),
    "people": gettext_lazy("people and guests"),
    "exceptions": gettext_lazy("exceptions for single people"),
    "listed_together": gettext_lazy("groups and domains on the list"),
    "guest_addresses": gettext_lazy("whose addresses are taken as guests’"),
    "guests_verified": gettext_lazy("code by mail for guests"),
    "anyone_verified": gettext_lazy("code by mail for others with the link"),
    "opens_minutes": gettext_lazy("when the door opens"),
    "without_host": gettext_lazy("what happens without a host"),
    "speak": gettext_lazy("who can speak"),
    "show": gettext_lazy("who can be seen"),
    "share": gettext_lazy("who can share a screen"),
    "chat": gettext_lazy("who can chat"),
    "record": gettext_lazy("who can record"),
    # As these two were called in older entries.
    "allow_share": gettext_lazy("screen sharing"),
    "allow_chat": gettext_lazy("chat"),
    "mics_start_off": gettext_lazy("microphones at the start"),
    "lock_after_minutes": gettext_lazy("locking after the start"),
    "on": gettext_lazy("whether it is asked"),
    "address": gettext_lazy("its address"),
    "profile": gettext_lazy("how it is asked"),
    "names": gettext_lazy("how people are named"),
    "lease_seconds": gettext_lazy("how long a yes lasts"),
    "hosts_may_replace": gettext_lazy("services of single meetings"),
    "capacity": gettext_lazy("how many people may be inside"),
}

SOURCES: Final[Mapping[str, Any]] = {
    "microphone": gettext_lazy("microphone"),
    "camera": gettext_lazy("camera"),
    "screen": gettext_lazy("shared screen"),
}


KEPT: Final[Mapping[str, Any]] = {
    "details": gettext_lazy("details in the audit log"),
    "networks": gettext_lazy("networks"),
    "attendance": gettext_lazy("attendance"),
    "addresses": gettext_lazy("addresses of invitations"),
}
"""What retention is settled for."""

ERASED: Final[Mapping[str, Any]] = {"details": gettext_lazy("who and why"), "networks": gettext_lazy("the networks")}
"""What an erasure took."""

COUNTED: Final = frozenset(
    {"door.list_added", "door.list_removed"}
    | {"organisation.group_made", "organisation.group_changed", "organisation.group_deleted"}
)
"""Kinds of entries that tell how many people they are about."""

POLICY: Final[Mapping[str, Any]] = {
    "default": gettext_lazy("{rule} at the start"),
    "most": gettext_lazy("{rule} at most"),
    "hosts_may_change": gettext_lazy("hosts may change “{rule}”"),
}
"""What an administrator settles about a rule."""


def kind_words(kind: str) -> str:
    """A kind without its names: "… let … in". The kind itself where it has no sentence."""
    template = SENTENCES.get(kind)
    return str(template).format_map(_Dots()) if template is not None else kind


class _Dots(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


class _Words(dict[str, str]):
    """Names for a sentence; what an older entry does not hold is left out in words, never a KeyError."""

    def __missing__(self, key: str) -> str:
        return _("somebody")


def sentence(entry: AuditEntry) -> str:
    """Who did what to whom, and why: "Ingrid Sæther let Leila Haddad in." Names come as they were at that time."""
    body = raw_body(getattr(entry, "detail", None))
    if body is None:
        return _("The details of this entry were erased ({kind}).").format(kind=entry.kind)
    facts = body["facts"]
    words = _Words(
        actor=body["actor_label"] or _("The system"),
        target=body["target"] or _("somebody"),
        changes=_changes(facts.get("changes")),
        source=str(SOURCES.get(str(facts.get("source")), facts.get("source", ""))),
        role=str(facts.get("role", "")),
        was=str(facts.get("was", "")),
        what=str(ERASED.get(str(facts.get("what", "details")), "")),
    )
    words["link"] = link_words(str(facts.get("link", "")), words["target"])
    words["tries"] = tries_words(facts.get("count", 1), words["link"])
    template = SENTENCES.get(entry.kind)
    # Formatted by a fixed template: names are values, so braces in them stay braces.
    text = str(template).format_map(words) if template is not None else f"{words['actor']}: {entry.kind}"
    reason = why(entry)
    return f"{text}: {reason}." if reason else f"{text}."


def link_words(link: str, name: str) -> str:
    """Which link was tried. `name`: whose, where it is a personal one."""
    if link == "personal":
        return _("the personal link of {name}").format(name=name)
    return _("a replaced link of the meeting") if link == "former" else _("the meeting’s link")


def tries_words(count: int, link: str) -> str:
    """ "3 tries with the meeting’s link were", as sentences go on from there."""
    said = ngettext("{count} try with {link} was", "{count} tries with {link} were", count)
    return said.format(count=count, link=link)


def why(entry: AuditEntry) -> str:
    """Which rule or word decided, or "" where the sentence says it all."""
    body = raw_body(getattr(entry, "detail", None))
    if body is None:
        return ""
    facts = body["facts"]
    parts = [
        str(ROWS.get(str(facts.get("row")), "")),
        _reason(entry.kind, facts),
        f"“{facts['note']}”" if facts.get("note") else "",
    ]
    if entry.kind in {"meeting.changed", "organisation.door_changed"}:
        parts.append(_changes(facts.get("changes")))
    if entry.kind == "meeting.files_passed" and isinstance(facts.get("count"), int):
        said = ngettext("{count} file, {megabytes} MB", "{count} files, {megabytes} MB", facts["count"])
        parts.append(said.format(count=facts["count"], megabytes=facts.get("megabytes", 0)))
    if entry.kind == "invitation.links_withdrawn" and isinstance(facts.get("count"), int):
        count = facts["count"]
        parts.append(ngettext("{count} guest", "{count} guests", count).format(count=count))
    if entry.kind in {"door.refusals_counted", "account.sign_in_refused"} and isinstance(facts.get("count"), int):
        count = facts["count"]
        parts.append(ngettext("{count} time", "{count} times", count).format(count=count))
    if facts.get("hosts_no_longer"):
        parts.append(_("and with that the host’s role"))
    if facts.get("quiet"):
        parts.append(_("with every microphone and camera off"))
    if entry.kind == "organisation.retention_changed":
        parts += [_kept(name, days) for name, days in facts.get("changes", {}).items()]
    if entry.kind == "door.exception_set":
        parts.append(str(WAYS.get(facts.get("way"), "")))
    if entry.kind in COUNTED and isinstance(facts.get("count"), int):
        count = facts["count"]
        parts.append(ngettext("{count} person", "{count} people", count).format(count=count))
    if facts.get("door_set_to_knock"):
        parts.append(_("anyone else with the link knocks from now on"))
    return ", ".join(part for part in parts if part)


def _reason(kind: str, facts: Mapping[str, Any]) -> str:
    reason = str(facts.get("reason") or "")
    if kind == "door.put_out" and reason == "sign_in":
        return _("their sign-in had ended")
    return str(REASONS.get(reason, reason))


def _kept(name: str, days: int | None) -> str:
    what = str(KEPT.get(name, name))
    if days is None:
        return _("{what} for good").format(what=what)
    return ngettext("{what} for {days} day", "{what} for {days} days", days).format(what=what, days=days)


def explanation(entry: AuditEntry) -> str:
    """Why the door answered as it did, in the sentence that everybody gets; "" where the entry is about no answer."""
    body = raw_body(getattr(entry, "detail", None))
    because = doorwords.read(body["facts"].get("because")) if body is not None else None
    return doorwords.sentence(because) if because is not None else ""


def _changes(changes: Any) -> str:
    """What was changed, by name; for rows of the door also into what."""
    if not isinstance(changes, dict):
        return ""
    found = []
    for name, value in changes.items():
        kind, _dot, field = name.rpartition(".")
        column = str(COLUMNS.get(field, field))
        if kind in POLICY:
            column = str(POLICY[kind]).format(rule=column)
        if kind == "hosts_may_change":
            found.append(column if value else _("{rule}: not any more").format(rule=column))
        else:
            found.append(f"{column}: {ANSWERS[value]}" if isinstance(value, str) and value in ANSWERS else column)
    return ", ".join(found)
