"""Use cases around accounts: make, invite, deactivate. Rows change here and nowhere else."""

from __future__ import annotations

from portal.models import User


def display_name(user: User) -> str:
    return user.name
