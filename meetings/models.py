"""What is stored about meetings: rules, occurrences, invitations, seats, and the audit chain.

Rows and constraints only. Who may do what is decided in `door.py`; rows change in `services/`.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from meetings.doormodels import (
    Audience,
    DoorColumns,
    DoorException,
    DoorPolicy,
    DoorTemplate,
    ListedTogether,
    PeopleGroup,
    Way,
)
from meetings.linkmodels import EmailCode, Invitation, InvitationToken, RetiredCode, SecondDevice
from meetings.retentionmodels import Retention
from meetings.seriesmodels import Series

__all__ = [
    "Audience",
    "AuditDetail",
    "AuditEntry",
    "Block",
    "Change",
    "DoorException",
    "DoorPolicy",
    "DoorTemplate",
    "EmailCode",
    "Encryption",
    "Invitation",
    "InvitationToken",
    "ListedTogether",
    "Meeting",
    "Occurrence",
    "Participant",
    "PeopleGroup",
    "Retention",
    "RetiredCode",
    "SecondDevice",
    "Series",
    "Stay",
    "Way",
]


class Encryption(models.TextChoices):
    E2EE = "e2ee", _("End-to-end encrypted")
    SEALED = "sealed", _("Sealed")
    TRANSPORT = "transport", _("Encrypted to the server")


class Meeting(DoorColumns):
    """A scheduled meeting and the rules of its door. When it takes place is told by its occurrences."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=14, unique=True, editable=False)
    title = models.CharField(_("title"), max_length=120)
    notes = models.TextField(_("notes for invitees"), max_length=2000, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="meetings_created")
    hosts = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="meetings_hosted")
    time_zone = models.CharField(_("time zone"), max_length=64)
    duration_minutes = models.PositiveSmallIntegerField(
        _("length"), validators=[MinValueValidator(5), MaxValueValidator(24 * 60)]
    )
    encryption = models.CharField(max_length=9, choices=Encryption, default=Encryption.TRANSPORT)
    link_generation = models.PositiveIntegerField(
        default=0, help_text="How many keys the link of a sealed meeting has had. The keys are in browsers only."
    )
    link_check = models.CharField(max_length=11, blank=True, help_text="Tells whether a complete link is whole.")

    door_changed_at = models.DateTimeField(null=True, blank=True, help_text="Empty: as it was scheduled.")
    door_changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    calendar_sequence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.title


class Occurrence(models.Model):
    """One time at which a meeting takes place. Invitations, seats and history hang here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="occurrences")
    series = models.ForeignKey(Series, null=True, blank=True, on_delete=models.SET_NULL, related_name="occurrences")
    original_at = models.DateTimeField(null=True, blank=True, help_text="When the rule of its series has it.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True, help_text="When somebody first came in.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When a host ended it or the last person left.")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    locked_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(
        null=True, blank=True, help_text="Nobody is seen, heard or let in until a host resumes."
    )
    suspended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    locked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    rule_locked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the meeting's own rule last locked the door; a host may have undone it."
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("starts_at",)
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="occurrence_ends_after_its_start"),
            models.UniqueConstraint(fields=("series", "original_at"), name="one_occurrence_per_time_of_a_series"),
        )

    def __str__(self) -> str:
        return f"{self.meeting_id} at {self.starts_at:%Y-%m-%d %H:%M}"


class Participant(models.Model):
    """A person at the door of, or in, one occurrence: a seat. `id` is what other people's programs see."""

    class Kind(models.TextChoices):
        """Rows of the door's table."""

        HOST = "host", _("Host")
        LISTED = "listed", _("Listed")
        COLLEAGUE = "colleague", _("Colleague")
        GUEST = "guest", _("Guest")
        ANYONE = "anyone", _("Meeting link")

    class State(models.TextChoices):
        WAITING = "waiting", _("At the door")
        INSIDE = "inside", _("Inside")
        LEFT = "left", _("Left")
        REFUSED = "refused", _("Not let in")
        REMOVED = "removed", _("Removed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    occurrence = models.ForeignKey(Occurrence, on_delete=models.CASCADE, related_name="participants")
    kind = models.CharField(max_length=9, choices=Kind)
    state = models.CharField(max_length=8, choices=State)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    invitation = models.ForeignKey(Invitation, null=True, blank=True, on_delete=models.SET_NULL)
    device = models.CharField(max_length=43, help_text="RFC 7638 thumbprint of the device key.")
    session_key = models.CharField(max_length=40, blank=True, help_text="Portal session of a signed-in person.")
    room_device = models.ForeignKey(
        "meetings.RoomDevice", null=True, blank=True, on_delete=models.CASCADE, help_text="A machine, not a person."
    )
    name = models.CharField(max_length=120)
    revision = models.PositiveIntegerField(default=0, help_text="How often they gave another name outside.")
    network = models.CharField(max_length=45, blank=True, help_text="Truncated: /24 or /48.")
    knocked_at = models.DateTimeField(null=True, blank=True)
    let_in_at = models.DateTimeField(null=True, blank=True, help_text="A host's Let in, valid for this occurrence.")
    let_in_by = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    verified_at = models.DateTimeField(null=True, blank=True, help_text="Typed the code mailed to the address.")
    entered_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    refused_until = models.DateTimeField(null=True, blank=True, help_text="May knock again after this.")
    must_knock = models.BooleanField(
        default=False, help_text="Removed or sent back without a block: a host decides, whatever the table says."
    )
    note = models.CharField(max_length=300, blank=True, help_text="What the host told the refused or removed person.")
    refused_by = models.CharField(max_length=120, blank=True, help_text="Name of the host who refused or removed.")
    host_message = models.CharField(max_length=300, blank=True, help_text="What the hosts tell the one who waits.")
    word = models.TextField(
        blank=True,
        help_text="Encrypted meetings: a host's signed word that this person's device may be added. Members check it.",
    )
    knows_link_key = models.BooleanField(
        default=False, help_text="Removed from a sealed meeting whose link has had no new key since."
    )
    # A host's word about this person, for this occurrence. Empty: the meeting's rule holds.
    may_speak = models.BooleanField(null=True, blank=True)
    may_show = models.BooleanField(null=True, blank=True)
    may_share = models.BooleanField(null=True, blank=True)
    may_chat = models.BooleanField(null=True, blank=True)
    may_record = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = (
            # A seat belongs to one device and one proof: the account, else the invitation, else the meeting's link.
            models.UniqueConstraint(
                "occurrence",
                "device",
                Coalesce("user", "invitation", Value(uuid.UUID(int=0)), output_field=models.UUIDField()),
                name="one_seat_per_device_and_person",
            ),
        )

    def __str__(self) -> str:
        return f"participant {self.pk}"


class Stay(models.Model):
    """One time that somebody was inside: from coming in until leaving, however they left. A cut in between is none."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="stays")
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True, help_text="Empty while they are inside.")

    class Meta:
        ordering = ("entered_at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("participant",), condition=Q(left_at=None), name="inside_once_at_a_time"),
        )

    def __str__(self) -> str:
        return f"stay {self.pk}"


class Block(models.Model):
    """Somebody a host removed for good from one occurrence: matched by account, invitation or device key."""

    occurrence = models.ForeignKey(Occurrence, on_delete=models.CASCADE, related_name="blocks")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    invitation = models.ForeignKey(Invitation, null=True, blank=True, on_delete=models.CASCADE)
    device = models.CharField(max_length=43, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    removed = models.BooleanField(
        default=False, help_text="Came with a removal from inside, not with a no at the door."
    )

    def __str__(self) -> str:
        return f"block {self.pk}"


class Change(models.Model):
    """Wakes the process that owns a live occurrence: something that the door depends on is different now.

    Written in the transaction of the change itself; read by `live` on a 100 ms tick.
    """

    occurrence = models.ForeignKey(Occurrence, null=True, blank=True, on_delete=models.CASCADE)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[tuple[str, ...]] = ("id",)

    def __str__(self) -> str:
        return f"change {self.pk}"


class AuditEntry(models.Model):
    """One link of the audit chain. Holds only a salted commitment; what happened lies in `AuditDetail`.

    `digest` = SHA-256 over (number, at, kind, commitment, previous). Never updated, never deleted.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    commitment = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"audit {self.number}"


class AuditDetail(models.Model):
    """The erasable half of an audit entry: who, on whom, why, from where. `salt` makes its commitment unguessable."""

    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, primary_key=True, related_name="detail")
    salt = models.CharField(max_length=43)
    body = models.TextField(help_text="Canonical JSON, exactly the bytes that the commitment covers.")
    network = models.CharField(max_length=45, blank=True, db_index=True, help_text="Truncated: /24 or /48.")
    network_salt = models.CharField(max_length=43, blank=True, help_text="Of the network's own commitment in the body.")
    people = models.TextField(blank=True, help_text="Names and addresses in the body, folded: for searching only.")
    meeting = models.ForeignKey(Meeting, null=True, blank=True, on_delete=models.SET_NULL, related_name="audit_details")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return f"detail of {self.entry_id}"


# Stored beside what they are about; Django finds models here.
from meetings.devices.models import RoomDevice  # noqa: E402, F401
from meetings.outgoing.models import AllowedDestination  # noqa: E402, F401
from meetings.roundtrip.models import (  # noqa: E402, F401
    AuthorizationService,
    Revocation,
    StreamAnswers,
    StreamPass,
)
from meetings.webhooks.models import Webhook, WebhookDelivery, WebhookEvent  # noqa: E402, F401
