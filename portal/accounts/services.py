"""Use cases around accounts: make, invite, deactivate, give keys to programs.

Live meetings hear of changed rows by `signals.py`, whoever changed them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings.audit import record
from meetings.services import copied_links, door
from meetings.signaling import protocol
from portal.models import ApiToken, SetupLink, User

SETUP_LINK_LASTS = timedelta(hours=24)
INVITATION_LASTS = timedelta(days=7)
NAME_LENGTH = 120
TOKEN_PREFIX = "lintel_"  # noqa: S105 - lets secret scanners find a leaked one


def display_name(user: User) -> str:
    return user.name


def digest(secret: str) -> str:
    """SHA-256 as hex. Enough for secrets of 256 random bits; passwords get Argon2 instead."""
    return hashlib.sha256(secret.encode()).hexdigest()


def clean_address(email: str) -> str:
    """The address in the form that we store and compare. Raises ValidationError."""
    address = email.strip().lower()
    validate_email(address)
    return address


def clean_name(typed: str) -> str:
    """The name in the form that we store: nothing in it hides, turns or breaks the line that others read it in. Raises
    ValidationError.
    """
    name = protocol.clean_name(typed, NAME_LENGTH + 1)
    if not name:
        raise ValidationError({"name": _("Enter a name.")})
    if len(name) > NAME_LENGTH:
        raise ValidationError({"name": _("The name is longer than %(count)d characters.") % {"count": NAME_LENGTH}})
    return name


def create_person(
    email: str, name: str, *, role: str = User.Role.STAFF, password: str | None, by: User | None = None, label: str = ""
) -> User:
    """An account whose address counts as verified. `password` None: it can't sign in until its set-up link is used.

    Raises ValidationError with sentences for people: a bad address, name or password, or an address that is taken.
    """
    address, name = clean_address(email), clean_name(name)
    if role not in User.Role.values:
        raise ValidationError({"role": _("The role must be admin or staff.")})
    if password is not None:
        try:
            validate_password(password, User(email=address, name=name))
        except ValidationError as wrong:
            raise ValidationError({"password": wrong.messages}) from None
    try:
        with transaction.atomic():
            user = User.objects.create_user(address, name, password, role=role)
            EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
            record("account.created", actor=by, actor_label=label, target=name, role=role, email=address)
    except IntegrityError:
        raise ValidationError({"email": _("There is already an account with this email.")}) from None
    return user


def first_administrator_link() -> str | None:
    """A new link that makes the first administrator, or None once an account exists. Earlier links die."""
    with transaction.atomic():
        if User.objects.exists():
            return None
        SetupLink.objects.filter(user=None).delete()
        return _new_link(None, SETUP_LINK_LASTS)


def _new_link(user: User | None, lasts: timedelta) -> str:
    secret = secrets.token_urlsafe(32)
    SetupLink.objects.create(digest=digest(secret), user=user, expires_at=timezone.now() + lasts)
    return f"{settings.LINTEL.public_url}/setup/{secret}/"


def setup_link(secret: str) -> SetupLink | None:
    """The link of this secret while it can be used; the first administrator's dies with the first account."""
    link = (
        SetupLink.objects.select_related("user")
        .filter(digest=digest(secret), used_at=None, expires_at__gt=timezone.now())
        .filter(Q(user=None) | Q(user__is_active=True))
        .first()
    )
    if link is not None and link.user_id is None and User.objects.exists():
        return None
    return link


def use_setup_link(secret: str, *, email: str, name: str, password: str) -> User | None:
    """Uses the link once: makes the first administrator, or gives an invited account its name and password.

    None when the link can't be used (any more). Raises ValidationError for bad input, and then the link stays.
    """
    with transaction.atomic():
        link = setup_link(secret)
        # The update decides who was first: two requests with one link make one account.
        if link is None or not SetupLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now()):
            return None
        if link.user is None:
            return create_person(email, name, role=User.Role.ADMIN, password=password, label=_("set-up link"))
        user = link.user
        try:
            validate_password(password, user)
        except ValidationError as wrong:
            raise ValidationError({"password": wrong.messages}) from None
        user.name = clean_name(name)
        user.set_password(password)
        user.save(update_fields=["name", "password"])
        record("account.set_up", actor=user, target=user.name)
        return user


def invite_person(email: str, name: str, role: str, by: User) -> str:
    """Makes an account without a password and returns its one-time link, which is shown once. Administrators only."""
    _require_admin(by)
    with transaction.atomic():
        user = create_person(email, name, role=role, password=None, by=by)
        return _new_link(user, INVITATION_LASTS)


def invite_again(user: User, by: User) -> str:
    """A new one-time link for somebody who forgot the password or lost the link; earlier ones die."""
    _require_admin(by)
    with transaction.atomic():
        SetupLink.objects.filter(user=user, used_at=None).delete()
        record("account.link_made", actor=by, target=user.name, account=user.pk)
        return _new_link(user, INVITATION_LASTS)


def deactivate(user: User, by: User | None, *, label: str = "") -> None:
    """The account can't be used from this moment: sessions and tokens end, and live meetings decide again.

    `by` None: whoever has the server's command line; `label` names the command in the audit log.
    """
    _require_admin_or_command(by, label)
    if by is not None and user.pk == by.pk:
        raise ValidationError(_("You can’t deactivate your own account."))
    with transaction.atomic():
        user.is_active = False
        user.save(update_fields=["is_active"])
        SetupLink.objects.filter(user=user, used_at=None).delete()
        ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
        copied_links.withdraw_everywhere(by, user, label=label)
        record("account.deactivated", actor=by, actor_label=label, target=user.name, account=user.pk)
    # What the account opens is shut by now. To find its sessions, everybody's are read: meetings don't wait for that.
    with transaction.atomic():
        end_sessions(user)


def reactivate(user: User, by: User | None, *, label: str = "") -> None:
    """The account may sign in again. `by` and `label` as for `deactivate`."""
    _require_admin_or_command(by, label)
    with transaction.atomic():
        end_sessions(user)  # of before, should anything have stood in the way then
        user.is_active = True
        user.save(update_fields=["is_active"])
        record("account.reactivated", actor=by, actor_label=label, target=user.name, account=user.pk)


def change_role(user: User, role: str, by: User) -> bool:
    """Makes somebody an administrator or takes that away; says whether anything changed.

    Nobody changes their own, so an administrator is left. Raises PermissionError and ValidationError.
    """
    if role not in User.Role.values:
        raise ValidationError(_("The role must be admin or staff."))
    with transaction.atomic():
        _require_admin(by)  # in the same transaction: of two who take it from each other, one is too late
        if user.pk == by.pk:
            raise ValidationError(_("You can’t change your own role."))
        now = User.objects.select_for_update().get(pk=user.pk)
        if now.role == role:
            return False
        now.role = user.role = role
        now.save(update_fields=["role"])
        record("account.role_changed", actor=by, target=user.name, account=user.pk, role=role)
    return True


def change_profile(user: User, *, name: str, time_zone: str) -> None:
    """What others see of an account, and the time zone of its pages. Raises ValidationError for a name that is none."""
    was, user.name, user.time_zone = user.name, clean_name(name), time_zone
    with transaction.atomic():
        user.save(update_fields=["name", "time_zone"])
        if user.name != was:
            door.rename(user, timezone.now())
            record("account.renamed", actor=user, target=user.name, account=user.pk, was=was)


def end_sessions(user: User, keep: str = "") -> int:
    """Deletes every portal session of `user` but `keep` (a session key); returns how many there were."""
    ended = 0
    for session in sessions_of(user):
        if session.session_key != keep:
            session.delete()
            ended += 1
    return ended


def sessions_of(user: User) -> Iterator[Session]:
    """Every portal session in which `user` is signed in."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            yield session


def _require_admin(by: User | None) -> None:
    """The role is read now: whoever lost it a moment ago does nothing more."""
    if by is None or not User.objects.filter(pk=by.pk, is_active=True, role=User.Role.ADMIN).exists():
        raise PermissionError("administrators only")


def _require_admin_or_command(by: User | None, label: str) -> None:
    # Nobody and no command: a caller that lost its administrator on the way must not pass for the command line.
    if by is not None or not label:
        _require_admin(by)


def make_token(user: User, name: str, scopes: Iterable[str], *, by: User | None = None) -> str:
    """A new API token, returned once. Raises ValidationError for unknown scopes or a bad name."""
    chosen = sorted(set(scopes)) or sorted(ApiToken.Scope.values)
    if unknown := [scope for scope in chosen if scope not in ApiToken.Scope.values]:
        known = ", ".join(ApiToken.Scope.values)
        raise ValidationError(
            _("Unknown scope: %(unknown)s. Scopes are %(known)s.") % {"unknown": unknown[0], "known": known}
        )
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80:
        raise ValidationError(_("The token needs a name of up to 80 characters."))
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        ApiToken.objects.create(user=user, name=name, digest=digest(token), scopes=chosen)
        record("token.made", actor=by or user, target=name, scopes=chosen)
    return token


def token_holder(token: str) -> ApiToken | None:
    """The live token with this text and its user, or None. Notes the use, at most once a minute."""
    if not token.startswith(TOKEN_PREFIX) or len(token) > 100:
        return None
    now = timezone.now()
    found = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest(token), revoked_at=None, user__is_active=True)
        .first()
    )
    if found and (found.last_used_at is None or now - found.last_used_at > timedelta(minutes=1)):
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found
