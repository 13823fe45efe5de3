"""What is stored about doors: the rules of one, and what the organisation settles for all of them.

Rows and constraints only; `models.py` gives them to the rest. What they mean is said in `door.py` and `doorlimits.py`.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _


class Way(models.TextChoices):
    """The three answers of the door."""

    WALKS_IN = "walks_in", _("walks in")
    KNOCKS = "knocks", _("knocks")
    TURNED_AWAY = "turned_away", _("turned away")


class Audience(models.TextChoices):
    """Whom a meeting gives a right inside."""

    EVERYONE = "everyone", _("Everyone")
    SIGNED_IN = "signed_in", _("People who are signed in")
    HOSTS = "hosts", _("Hosts only")


class AskedAddress(models.TextChoices):
    """What others with the link show before they knock or walk in."""

    NONE = "none", _("without a code")
    ANY_ADDRESS = "any_address", _("after a code mailed to an address they give")
    INVITED_ADDRESS = "invited_address", _("after a code mailed to the invited address")


class DoorColumns(models.Model):
    """The columns of `door.Rules`."""

    class WithoutHost(models.TextChoices):
        WAIT = "wait", _("Everyone waits outside")
        LISTED_START = "listed_start", _("Listed people may start")

    door_listed = models.CharField(max_length=11, choices=Way, default=Way.WALKS_IN)
    door_colleagues = models.CharField(max_length=11, choices=Way, default=Way.WALKS_IN)
    door_guests = models.CharField(max_length=11, choices=Way, default=Way.KNOCKS)
    door_guests_verified = models.BooleanField(
        default=False, help_text="A guest first types a code mailed to the invited address."
    )
    door_anyone = models.CharField(max_length=11, choices=Way, default=Way.TURNED_AWAY)
    door_anyone_verified = models.CharField(
        max_length=15,
        choices=AskedAddress,
        default=AskedAddress.NONE,
        help_text="Others first type a code mailed to this address.",
    )
    door_opens_minutes = models.PositiveSmallIntegerField(
        _("door opens"), null=True, blank=True, default=10, help_text="Minutes before the start; empty: any time."
    )
    without_host = models.CharField(max_length=12, choices=WithoutHost, default=WithoutHost.WAIT)

    may_speak = models.CharField(max_length=9, choices=Audience, default=Audience.EVERYONE)
    may_show = models.CharField(max_length=9, choices=Audience, default=Audience.EVERYONE)
    may_share = models.CharField(max_length=9, choices=Audience, default=Audience.EVERYONE)
    may_chat = models.CharField(max_length=9, choices=Audience, default=Audience.EVERYONE)
    may_record = models.CharField(max_length=9, choices=Audience, default=Audience.HOSTS)
    mics_start_off = models.BooleanField(default=False)
    lock_after_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How many people may be inside at once; empty: as many as a room carries."
    )

    class Meta:
        abstract = True


class Addresses(models.TextChoices):
    """From which addresses guests are taken."""

    ANY = "any", _("Any address")
    ONLY = "only", _("Only these domains")
    EXCEPT = "except", _("All but these domains")


class DoorPolicy(DoorColumns):
    """How the door of a new meeting stands, and how far hosts may change it. One row for the organisation.

    `most_…` is the most open answer that a row may have; `fixed` lists the fields of `door.Rules` that hosts may not
    change.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    most_listed = models.CharField(max_length=11, choices=Way, default=Way.WALKS_IN)
    most_colleagues = models.CharField(max_length=11, choices=Way, default=Way.WALKS_IN)
    most_guests = models.CharField(max_length=11, choices=Way, default=Way.WALKS_IN)
    most_guests_verified = models.BooleanField(default=False)
    most_anyone = models.CharField(max_length=11, choices=Way, default=Way.WALKS_IN)
    most_inside = models.PositiveSmallIntegerField(null=True, blank=True)
    fixed = models.JSONField(default=list)
    guest_addresses = models.CharField(max_length=6, choices=Addresses, default=Addresses.ANY)
    guest_domains = models.JSONField(default=list, help_text="Normal domains, as `domains.normal` makes them.")
    changed_at = models.DateTimeField(null=True, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(pk=1), name="one_door_policy"),)

    def __str__(self) -> str:
        return "door policy"


class DoorException(models.Model):
    """What happens to one person at the door of a meeting, whatever their row says. Known by account or address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    meeting = models.ForeignKey("Meeting", on_delete=models.CASCADE, related_name="exceptions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    email = models.EmailField(blank=True, help_text="Of somebody without an account, in lower case.")
    way = models.CharField(max_length=11, choices=Way)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("set_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(user=None, email__gt="") | Q(user__isnull=False, email=""),
                name="exception_for_an_account_or_an_address",
            ),
            models.UniqueConstraint(
                "meeting",
                Coalesce("user", Value(uuid.UUID(int=0)), output_field=models.UUIDField()),
                "email",
                name="one_exception_per_person",
            ),
        )

    def __str__(self) -> str:
        return f"exception {self.pk}"


class DoorTemplate(DoorColumns):
    """A door under a name, kept by administrators for hosts to start from. Meetings that did don't follow it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    about = models.CharField(max_length=160, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(Lower("name"), name="one_template_of_a_name"),)

    def __str__(self) -> str:
        return self.name


class PeopleGroup(models.Model):
    """Accounts under one name, as an administrator put them together. Who is in it is asked at every decision."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="people_groups")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(Lower("name"), name="one_group_of_a_name"),)

    def __str__(self) -> str:
        return self.name


class ListedTogether(models.Model):
    """People who are on the list of a meeting together: a group, or every account with an address of a domain."""

    meeting = models.ForeignKey("Meeting", on_delete=models.CASCADE, related_name="listed_together")
    group = models.ForeignKey(PeopleGroup, null=True, blank=True, on_delete=models.CASCADE, related_name="listings")
    domain = models.CharField(max_length=253, blank=True, help_text="Normal, as `domains.normal` makes it.")
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("added_at", "pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(group=None, domain__gt="") | Q(group__isnull=False, domain=""),
                name="listed_by_a_group_or_a_domain",
            ),
            models.UniqueConstraint(
                "meeting",
                Coalesce("group", Value(uuid.UUID(int=0)), output_field=models.UUIDField()),
                "domain",
                name="listed_together_once",
            ),
        )

    def __str__(self) -> str:
        return f"@{self.domain}" if self.domain else str(self.group)
