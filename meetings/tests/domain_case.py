"""What tests of the domain take for granted: people, a meeting, somebody at its door."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.test import override_settings
from django.utils import timezone

from meetings import codes, selectors
from meetings.audit import log
from meetings.door import Decision, Rules, decide, with_preset
from meetings.models import Invitation, Meeting, Occurrence, Participant
from meetings.services import door as door_services
from meetings.services import invitations, scheduling


class DomainCase:
    """Mixed into a test case. Checkpoints of the audit chain go into a directory of the test's own."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="lintel-audit-")
        self.addCleanup(directory.cleanup)
        settings = override_settings(AUDIT_DIRECTORY=Path(directory.name))
        settings.enable()
        self.addCleanup(settings.disable)
        super().setUp()
        log._tally.everything()  # what other tests of this process only counted
        self.now = timezone.now()
        self.ingrid = self.person("ingrid@nordhavn.example", "Ingrid Sæther")

    def person(self, email: str, name: str, **fields: Any) -> Any:
        user = get_user_model().objects.create_user(email, name, "a long password", **fields)
        user.emailaddress_set.create(email=email, verified=True, primary=True)
        return user

    def meeting(self, *, preset: str = "guests_knock", people: Any = (), **options: Any) -> Meeting:
        rules = options.pop("rules", None) or with_preset(Rules(opens_minutes=None), preset)
        values: dict[str, Any] = {
            "title": "Trial safety board",
            "starts_at": self.now + timedelta(minutes=5),
            "duration_minutes": 60,
            "time_zone": "Europe/Oslo",
            "send": False,
        }
        return scheduling.schedule_meeting(self.ingrid, people=people, rules=rules, **(values | options))

    def occurrence(self, **options: Any) -> Occurrence:
        return self.meeting(**options).occurrences.select_related("meeting").get()

    def invitation(self, occurrence: Occurrence, email: str = "peter@medreg.example") -> Invitation:
        return invitations.invite(self.ingrid, occurrence, email, "Peter Lindqvist", send=False)

    def ask(
        self,
        occurrence: Occurrence,
        *,
        user: Any = None,
        invitation: Invitation | None = None,
        device: str = "",
        host_inside: bool = True,
        now: datetime | None = None,
    ) -> Decision:
        """What the door answers to somebody, from what is stored."""
        occurrence = Occurrence.objects.select_related("meeting").get(pk=occurrence.pk)
        if invitation is not None:
            invitation = Invitation.objects.get(pk=invitation.pk)
        seats = Participant.objects.filter(occurrence=occurrence, device=device, user=user, invitation=invitation)
        row = selectors.visitor_row(occurrence, user=user, invitation=invitation)
        facts = selectors.facts_for(
            occurrence,
            row=row,
            user=user,
            invitation=invitation,
            participant=seats.first() if device else None,
            device=device,
            host_inside=host_inside,
            now=now or timezone.now(),
        )
        return decide(facts)

    def come(
        self,
        occurrence: Occurrence,
        *,
        user: Any = None,
        invitation: Invitation | None = None,
        device: str = "device-1",
        name: str = "Peter Lindqvist",
        host_inside: bool = True,
        network: str = "203.0.113.0/24",
    ) -> Participant | None:
        """Somebody arrives and the door's answer is stored."""
        decision = self.ask(occurrence, user=user, invitation=invitation, device=device, host_inside=host_inside)
        return door_services.arrive(
            occurrence,
            row=selectors.visitor_row(occurrence, user=user, invitation=invitation),
            user=user,
            invitation=invitation,
            device=device,
            name=user.name if user is not None else name,
            network=network,
            session_key="",
            decision=decision,
            now=timezone.now(),
        )

    def host_inside(self, occurrence: Occurrence, host: Any = None) -> Participant:
        host = host or self.ingrid
        seat = self.come(occurrence, user=host, device=codes.new_secret()[:43], host_inside=False)
        assert seat is not None
        return door_services.entered(seat)
