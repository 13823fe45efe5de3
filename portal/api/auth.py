"""Who is asking: a bearer token, read from the database for every request.

The token brings its owner, nothing more. What the owner may do is asked of the database when it is done, so that a role
lost a moment ago is lost here too. Order of refusals: 401, scope 403, rate 429, form 4xx; only then is a row looked up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from meetings import budgets
from meetings.network import source_of
from meetings.signaling.rates import AddressBudgets, Budgets
from portal.accounts.services import token_holder
from portal.api import requests
from portal.api.problems import Problem
from portal.models import ApiToken


class Limits:
    """Token buckets behind a lock: operations run in several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self.requests = Budgets(budgets.API_REQUESTS.rate, clock)
        self.writes = Budgets(budgets.API_WRITES.rate, clock)
        self.failures = AddressBudgets(budgets.API_FAILURES.rate, clock)

    def take(self, kept: Budgets | AddressBudgets, key: Any) -> None:
        """Takes one request, or raises Problem("too_many") with the time to wait."""
        with self._lock:
            if not kept.take(key):
                raise Problem("too_many", retry_after_seconds=kept.seconds_until(key))

    def check(self, kept: Budgets | AddressBudgets, key: Any) -> None:
        with self._lock:
            if not kept.has(key):
                raise Problem("too_many", retry_after_seconds=kept.seconds_until(key))


limits = Limits()


class Bearer(HttpBearer):
    """An API token with `scope`. `parameters` and `takes_body` say what form a request may have."""

    def __init__(self, scope: str, *, writes: bool) -> None:
        super().__init__()
        self.scope = scope
        self.writes = writes
        self.parameters: frozenset[str] = frozenset()
        self.takes_body = False

    def __call__(self, request: HttpRequest) -> Any:
        address = source_of(request.META.get("REMOTE_ADDR", ""))
        # An address that guesses tokens is told nothing more, not even whether the next guess is right.
        limits.check(limits.failures, address)
        holder = super().__call__(request)
        if holder is None:
            limits.take(limits.failures, address)
            return None
        if self.scope not in holder.scopes:
            raise Problem("scope_missing", f"This operation needs the scope “{self.scope}”.")
        limits.take(limits.requests, holder.pk)
        if self.writes:
            limits.take(limits.writes, holder.pk)
        requests.check(request, self.parameters, self.takes_body)
        return holder

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        return token_holder(token)
