"""What a live meeting writes down: who left, what hosts did. Runs in a database thread; the services do the work.

Turns a service's refusal into a stable code of the protocol, so that nothing else of an exception reaches a client.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone

from meetings import audit
from meetings.admission import IllegalEvent
from meetings.door import Refuse
from meetings.models import Occurrence, Participant
from meetings.rulebook import limits_now, locks_at, rules_of
from meetings.services import door as door_services
from meetings.services import moves, roles
from meetings.services.errors import NotAHost, Wrong
from meetings.services.seats import occurrence_locked
from meetings.services.seats import write as write_of_seat
from meetings.signaling.protocol import ProtocolError

log = logging.getLogger("lintel.live")

TOLD_AS_THEY_ARE = frozenset({"suspended", "limited", "organiser", "conflict", "changed"})
"""Codes of services that the protocol has too: people are told why, not only that it did not work."""

FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Actor:
    """Who acts as a host: somebody in the meeting, or (through the API) a person with an account. One of both."""

    participant_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class Done:
    """What others are told about a stored action."""

    by: str
    target_name: str = ""
    refused_until: datetime | None = None


Service = Callable[..., Any]


def act(service: Service, occurrence_id: str, actor: Actor, target_id: str | None = None, **details: Any) -> Done:
    """Calls a service as this host, on this participant if one is named. The role is read now, inside the service.

    Raises `ProtocolError` with `not_a_host`, `no_such_participant`, `wrong_state`, or `try_again` when it could not be
    stored; after any of them nothing has been.
    """
    try:
        by = _by(occurrence_id, actor)
        if target_id is None:
            service(by, Occurrence.objects.get(pk=occurrence_id), **details)
            return Done(by.name)
        target = Participant.objects.get(pk=target_id, occurrence_id=occurrence_id)
        service(by, target, **details)
        target.refresh_from_db()
        return Done(by.name, target.name, target.refused_until or moves.refused_until(target))
    except NotAHost:
        raise ProtocolError("not_a_host", "only hosts may do this") from None
    except Wrong as wrong:
        raise ProtocolError(wrong.code if wrong.code in TOLD_AS_THEY_ARE else "wrong_state", wrong.message) from None
    except IllegalEvent:
        raise ProtocolError("wrong_state", "that does not fit the state they are in") from None
    except (Participant.DoesNotExist, Occurrence.DoesNotExist, ValidationError, ValueError):
        raise ProtocolError("no_such_participant", "there is nobody of that id here") from None
    except Exception as error:
        log.error(
            "meeting %s: %s was not stored: %s", occurrence_id, service.__name__, type(error).__name__, exc_info=True
        )
        raise ProtocolError("try_again", "it could not be stored") from error


def _by(occurrence_id: str, actor: Actor) -> Any:
    if actor.participant_id is not None:
        return Participant.objects.select_related("user", "occurrence__meeting").get(
            pk=actor.participant_id, occurrence_id=occurrence_id
        )
    return get_user_model().objects.get(pk=actor.user_id)


def require_host(occurrence_id: str, actor: Actor) -> None:
    """Raises `ProtocolError("not_a_host")` unless the actor is a host of this meeting now."""
    act(_nothing_but_the_role, occurrence_id, actor)


def _nothing_but_the_role(by: Any, occurrence: Occurrence) -> None:
    roles.require_host(by, occurrence)


def answer_wish(participant_id: str, wish: int, *, allow: bool) -> None:
    """Stores what somebody says to another device's wish for their link. Raises `ProtocolError` as `act` does."""
    try:
        moves.answer(Participant.objects.get(pk=participant_id), wish, timezone.now(), allow=allow)
    except (Wrong, IllegalEvent, Participant.DoesNotExist):
        raise ProtocolError("wrong_state", "nobody asks for this link any more") from None
    except Exception as error:
        log.error("an answer about a link was not stored: %s", type(error).__name__, exc_info=True)
        raise ProtocolError("try_again", "it could not be stored") from error


def recording(participant_id: str, *, on: bool) -> None:
    """Stores that somebody began or ended to record on their own device. Raises `ProtocolError` as `act` does."""
    try:
        participant = Participant.objects.get(pk=participant_id)
        with occurrence_locked(participant.occurrence_id) as occurrence:
            write_of_seat("record.started" if on else "record.stopped", occurrence, participant)
    except Exception as error:
        log.error("that somebody records was not stored: %s", type(error).__name__, exc_info=True)
        raise ProtocolError("try_again", "it could not be stored") from error


def left(participant_id: str, why: str) -> None:
    """Stores that somebody's seat ended. Nothing to do when it had ended before."""
    participant = Participant.objects.filter(pk=participant_id).first()
    if participant is not None and participant.state in {Participant.State.INSIDE, Participant.State.WAITING}:
        door_services.left(participant, why)


def put_out(occurrence_id: str, refusals: Mapping[str, Refuse]) -> None:
    """Stores that the rules, not a host, turned these people out: all in one transaction."""
    open_states = (Participant.State.INSIDE, Participant.State.WAITING)
    seats = Participant.objects.filter(occurrence_id=occurrence_id, pk__in=refusals, state__in=open_states)
    if seats.exists():
        with occurrence_locked(occurrence_id):
            for participant in seats:
                door_services.put_out(participant, refusals[str(participant.pk)])


def lock_by_rule(occurrence_id: str) -> None:
    """Locks the door because the meeting's rules say when."""
    door_services.lock(None, Occurrence.objects.get(pk=occurrence_id))


def lock_due(now: datetime) -> None:
    """Locks the doors whose time has come while nobody was in the meeting, or this process was not there."""
    begun = Occurrence.objects.filter(started_at__isnull=False, ended_at=None, cancelled_at=None)
    limits = limits_now()
    for occurrence in begun.select_related("meeting"):
        at = locks_at(occurrence, rules_of(occurrence.meeting, limits))
        if at is not None and at <= now:
            lock_by_rule(str(occurrence.pk))


def unseated(seated: Collection[str]) -> dict[str, str]:
    """Returns whose seat is open in the database although nobody sits or waits there now, and in which occurrence.

    They asked the door and never opened a socket, or the process stopped while they waited.
    """
    states = (Participant.State.INSIDE, Participant.State.WAITING)
    open_seats = Participant.objects.filter(state__in=states).values_list("pk", "occurrence_id")
    return {str(key): str(occurrence_id) for key, occurrence_id in open_seats if str(key) not in seated}


def end_forgotten(live_ids: Collection[str], now: datetime) -> None:
    """Ends meetings that everybody has left an hour after their time."""
    over = Occurrence.objects.filter(
        started_at__isnull=False, ended_at=None, cancelled_at=None, ends_at__lt=now - FORGOTTEN_AFTER
    ).exclude(participants__state=Participant.State.INSIDE)
    for occurrence in over:
        if str(occurrence.pk) not in live_ids:
            door_services.end_forgotten(occurrence)


def write(kind: str, occurrence_id: str, target: str, facts: Mapping[str, Any]) -> None:
    """An audit entry about a live meeting that no row stands for."""
    occurrence = Occurrence.objects.select_related("meeting").get(pk=occurrence_id)
    audit.record(kind, occurrence=occurrence, target=target, **facts)
