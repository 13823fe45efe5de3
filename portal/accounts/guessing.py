"""How often somebody may try passwords and secrets. Counted in the cache, which all processes share.

Tries for one account are counted for each address, and for each browser that signed in to it before: whoever guesses
from elsewhere uses up their own. What many addresses guess together is bounded too, but not for those browsers.
"""

from __future__ import annotations

from typing import Any, Final

from allauth.core.internal import ratelimit
from django.http import HttpRequest

from meetings import budgets
from meetings.budgets import Budget
from meetings.network import site_of, source_of
from portal.accounts import browsers

APP: Final = "portal"


def _rate(budget: Budget, each: str, times: int = 1) -> str:
    """As allauth writes rates: "5/300s/key"."""
    rate = budget.rate
    return f"{times * budget.most}/{round(rate.burst / rate.per_second)}s/{each}"


def take(request: HttpRequest, budget: Budget, *, key: str | None = None) -> Any:
    """Counts one, for this key or else for the address. None where there were too many; else give it to `give_back`."""
    if key is not None:
        config = {budget.name: _rate(budget, "key")}
        return ratelimit.consume(request, app=APP, action=budget.name, config=config, key=key, limit_get=True)
    return _take_for_address(request, budget)


def _take_for_address(request: HttpRequest, budget: Budget, *, dry_run: bool = False) -> Any:
    config = {budget.name: _rate(budget, "ip")}
    own = ratelimit.consume(request, app=APP, action=budget.name, config=config, limit_get=True, dry_run=dry_run)
    if own is None:
        return None
    of_a_site = take_for_site(request, budget, dry_run=dry_run)
    if of_a_site is None:
        if not dry_run:
            own.rollback()
        return None
    own.usage += of_a_site.usage
    return own


def take_for_site(request: HttpRequest, budget: Budget, *, dry_run: bool = False) -> Any:
    """Counts one for the /48 of an IPv6 address alone, where allauth counts for the address. None: too many."""
    site = site_of(request.META.get("REMOTE_ADDR", ""))
    config = {budget.name: _rate(budget, "key", budgets.OF_A_SITE)} if site else {}
    return ratelimit.consume(
        request, app=APP, action=budget.name, config=config, key=site, limit_get=True, dry_run=dry_run
    )


def may(request: HttpRequest, budget: Budget) -> bool:
    """Whether this address has one left; counts nothing."""
    return _take_for_address(request, budget, dry_run=True) is not None


def take_for_sign_in(request: HttpRequest, email: str) -> list[Any] | None:
    """Counts a password that is about to be tried; None where it may not be. A right one is given back."""
    number = browsers.known_as(request, email)
    if number:
        wanted = [(budgets.FAILED_SIGN_INS_OF_ONE, f"{email}|browser {number}")]
    else:
        source = source_of(request.META.get("REMOTE_ADDR", ""))
        wanted = [
            (budgets.FAILED_SIGN_INS, None),
            (budgets.FAILED_SIGN_INS_OF_ONE, f"{email}|{source}"),
            # Last: tries that the others refuse must not use up what is for everybody.
            (budgets.FAILED_SIGN_INS_OF_ALL, email),
        ]
    taken = []
    for budget, key in wanted:
        usage = take(request, budget, key=key)
        if usage is None:
            give_back(taken)  # what is not even looked at is no try
            return None
        taken.append(usage)
    return taken


def forget(request: HttpRequest, email: str) -> None:
    """Somebody has proved that the account is theirs: what others tried doesn't count against them."""
    budget = budgets.FAILED_SIGN_INS_OF_ALL
    ratelimit.clear(request, app=APP, action=budget.name, config={budget.name: _rate(budget, "key")}, key=email)


def give_back(taken: list[Any]) -> None:
    for usage in taken:
        usage.rollback()
