"""What people see while the database does not answer: a page that says so, and no traceback in the log.

And what is not even asked: it could not be an answer, and PostgreSQL refuses the question.
"""

from __future__ import annotations

import logging
from typing import Any
from unittest.mock import patch

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.test import Client

from portal.accounts.sessions import SessionStore

pytestmark = pytest.mark.django_db


def page_where(problem: Exception) -> tuple[int, str, str]:
    """What somebody with a session reads when their session can't be looked up."""
    client = Client(raise_request_exception=False)
    client.cookies["lintel-session"] = "a" * 32
    with (
        patch.object(SessionStore, "load", side_effect=problem),
        patch.object(SessionStore, "aload", side_effect=problem),
    ):
        answer = client.get("/meetings/")
    return answer.status_code, answer.headers.get("Retry-After", ""), answer.content.decode()


@pytest.mark.parametrize("problem", [OperationalError("connection refused"), InterfaceError("closed")])
def test_a_database_that_is_gone_is_for_a_moment(problem: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status, retry, text = page_where(problem)
    assert (status, retry) == (503, "5")
    assert "Not at the moment" in text
    assert str(problem) not in text
    assert [line for line in caplog.records if line.exc_info] == []


def test_any_other_failure_is_a_mistake_of_ours_and_told_whole(caplog: pytest.LogCaptureFixture) -> None:
    status, _, text = page_where(ProgrammingError("no such column"))
    assert (status, "It is our fault" in text) == (500, True)
    assert [line for line in caplog.records if line.exc_info] != []


@pytest.mark.parametrize("cookie", [r'"aaaaaaaaaa\000bb"', "a" * 31, "A" * 32, "a" * 300])
def test_a_session_is_looked_for_by_a_key_that_can_be_one(cookie: str, django_assert_num_queries: Any) -> None:
    client = Client()
    with django_assert_num_queries(0):
        answer = client.get("/meetings/", headers={"Cookie": f"lintel-session={cookie}"})
    assert answer.status_code == 302
