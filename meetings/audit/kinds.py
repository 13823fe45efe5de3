"""Kinds of entries as people look for them: a plain group, and how it came out. A new kind falls into its prefix's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Group(models.TextChoices):
    """What an entry is about."""

    DOOR = "door", _("At the door")
    INSIDE = "inside", _("Inside the meeting")
    INVITATIONS = "invitations", _("Invitations and links")
    MEETINGS = "meetings", _("Meetings and their rules")
    SIGN_INS = "sign_ins", _("Signing in")
    ACCOUNTS = "accounts", _("Accounts and people")
    PROGRAMS = "programs", _("Programs and tokens")
    ORGANISATION = "organisation", _("The organisation")
    LOG = "log", _("The log itself")


class Result(models.TextChoices):
    """How it came out."""

    ALLOWED = "allowed", _("Allowed")
    WAITING = "waiting", _("Waiting")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")
    DONE = "done", _("Done")


PREFIXES: Final[Mapping[str, Group]] = {
    "door": Group.DOOR,
    "host": Group.INSIDE,
    "invitation": Group.INVITATIONS,
    "meeting": Group.MEETINGS,
    "account": Group.ACCOUNTS,
    "person": Group.ACCOUNTS,
    "token": Group.PROGRAMS,
    "device": Group.PROGRAMS,
    "webhook": Group.PROGRAMS,
    "authorization": Group.PROGRAMS,
    "stream": Group.PROGRAMS,
    "audit": Group.LOG,
}
"""The first word of a kind. Every other word is the organisation's."""

EXCEPTIONS: Final[Mapping[str, Group]] = {
    **dict.fromkeys(
        (
            "door.block_lifted",
            "door.exception_lifted",
            "door.exception_set",
            "door.list_added",
            "door.list_removed",
            "door.rule_changed",
        ),
        Group.MEETINGS,
    ),
    **dict.fromkeys(
        (
            "account.signed_in",
            "account.signed_out",
            "account.sign_in_refused",
            "account.password_changed",
            "account.password_reset",
            "account.sessions_ended",
        ),
        Group.SIGN_INS,
    ),
}

RESULTS: Final[Mapping[Result, frozenset[str]]] = {
    Result.ALLOWED: frozenset(
        {
            "account.signed_in",
            "authorization.agreed",
            "authorization.source_agreed",
            "door.address_right",
            "door.admitted",
            "door.entered",
            "door.let_in",
            "door.vouched",
            "invitation.code_right",
            "invitation.moved",
            "stream.allowed",
        }
    ),
    Result.WAITING: frozenset({"door.knocked", "door.moved_to_door", "door.waits", "invitation.move_asked"}),
    Result.REFUSED: frozenset(
        {
            "account.sign_in_refused",
            "authorization.callback_refused",
            "authorization.receiving_refused",
            "authorization.refused",
            "authorization.source_refused",
            "authorization.taken_back",
            "door.address_unknown",
            "door.address_wrong",
            "door.blocked",
            "door.link_tried_widely",
            "door.put_out",
            "door.refusals_counted",
            "door.refused",
            "door.removed",
            "door.removed_and_blocked",
            "door.tries_refused",
            "door.turned_away",
            "invitation.code_wrong",
            "invitation.link_in_use",
            "stream.refused",
            "invitation.move_refused",
        }
    ),
    Result.FAILED: frozenset(
        {
            "authorization.lapsed",
            "authorization.receiving_lapsed",
            "authorization.source_lapsed",
            "authorization.unanswered",
            "invitation.mail_failed",
            "webhook.switched_off",
        }
    ),
}
"""Every other kind is something that was done."""


def group_of(kind: str) -> Group:
    return EXCEPTIONS.get(kind) or PREFIXES.get(kind.partition(".")[0], Group.ORGANISATION)


def result_of(kind: str) -> Result:
    return next((result for result, kinds in RESULTS.items() if kind in kinds), Result.DONE)


def in_group(group: Group) -> Q:
    """Entries of a group, as a condition on `AuditEntry.kind` by way of its detail."""
    exact = [kind for kind, its_group in EXCEPTIONS.items() if its_group is group]
    elsewhere = [kind for kind, its_group in EXCEPTIONS.items() if its_group is not group]
    if group is Group.ORGANISATION:
        by_prefix = Q()
        for prefix in PREFIXES:
            by_prefix &= ~Q(entry__kind__startswith=f"{prefix}.")
    else:
        by_prefix = Q(pk__in=[])
        for prefix, its_group in PREFIXES.items():
            if its_group is group:
                by_prefix |= Q(entry__kind__startswith=f"{prefix}.")
    return Q(entry__kind__in=exact) | (by_prefix & ~Q(entry__kind__in=elsewhere))


def with_result(result: Result) -> Q:
    if result is Result.DONE:
        return ~Q(entry__kind__in=[kind for kinds in RESULTS.values() for kind in kinds])
    return Q(entry__kind__in=RESULTS[result])
