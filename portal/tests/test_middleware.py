"""No middleware may force requests through a thread: one that hangs there would keep the process from stopping."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient, TestCase
from django.utils.module_loading import import_string

from portal.accounts import services


@pytest.mark.parametrize("path", settings.MIDDLEWARE)
def test_every_middleware_runs_on_the_event_loop(path: str) -> None:
    assert getattr(import_string(path), "async_capable", False)


def test_the_handler_needs_no_adapting_between_middlewares() -> None:
    """Django says so in its debug log when it has to wrap a middleware; the chain is built without one."""
    with pytest.MonkeyPatch.context() as patch:
        adapted: list[str] = []
        original = ASGIHandler.adapt_method_mode

        def note(self, is_async, method, method_is_async=None, debug=False, name=None):  # type: ignore[no-untyped-def]
            if name and name.startswith("middleware ") and method_is_async is False:
                adapted.append(name)
            return original(self, is_async, method, method_is_async, debug, name)

        patch.setattr(ASGIHandler, "adapt_method_mode", note)
        ASGIHandler()
    assert adapted == []


class TimeZones(TestCase):
    async def test_pages_use_the_persons_own_time_zone_and_leave_none_behind(self) -> None:
        from asgiref.sync import sync_to_async
        from django.utils import timezone

        person = await sync_to_async(services.create_person)("a@example.org", "A", password="correct horse battery")
        person.time_zone = "Pacific/Auckland"
        await person.asave()
        client = AsyncClient()
        await client.aforce_login(person)
        answer = await client.get("/account/")
        assert answer.status_code == 200
        assert timezone.get_current_timezone_name() == "UTC"

    async def test_a_time_zone_that_the_system_forgot_is_no_error(self) -> None:
        from asgiref.sync import sync_to_async

        person = await sync_to_async(services.create_person)("a@example.org", "A", password="correct horse battery")
        person.time_zone = "Atlantis/Capital"
        await person.asave()
        client = AsyncClient()
        await client.aforce_login(person)
        assert (await client.get("/account/")).status_code == 200
