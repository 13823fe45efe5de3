"""The health pages tell what fails; the worker runs jobs, stops between two, and takes up what a kill interrupted."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError
from django.test import AsyncClient, TestCase, TransactionTestCase
from django_tasks_db.models import DBTaskResult

from portal import health
from portal.accounts import services
from portal.tasks import send_password_link
from portal.worker import BackgroundWorker


class Health(TestCase):
    async def test_the_loop_answers_without_asking_anybody(self) -> None:
        assert (await AsyncClient().get("/livez")).status_code == 200

    async def test_what_fails_is_named(self) -> None:
        answer = await AsyncClient().get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["failing"][0] == "serving"
        assert "media" in answer.json()["failing"]

    async def test_a_database_that_does_not_answer_makes_it_unready(self) -> None:
        def broken() -> None:
            raise OSError("gone")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(health, "_ask_database", broken)
            answer = await AsyncClient().get("/readyz")
        assert "database" in answer.json()["failing"]


def test_one_late_moment_is_not_a_late_loop() -> None:
    vitals = health.Vitals()
    for lag_s in (0.0, 0.0, 9.0):
        vitals.note_lag(lag_s)
    assert vitals.lag_s == 0.0


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    waiting = threading.Event()
    while time.monotonic() < deadline:
        # The tests' database lies in memory, where a thread that writes locks whole tables against those that read.
        with contextlib.suppress(OperationalError):
            if condition():
                return True
        waiting.wait(0.02)
    return condition()


def mails() -> Any:
    """The jobs of these tests; a worker queues the day's work beside them."""
    return DBTaskResult.objects.filter(task_path=send_password_link.module_path)


class Worker(TransactionTestCase):
    def test_jobs_run_and_those_of_a_killed_process_run_again(self) -> None:
        person = services.create_person("a@example.org", "A", password="correct horse battery")
        send_password_link.enqueue(str(person.pk))
        # As a process leaves it that was killed in the middle of the job.
        interrupted = DBTaskResult.objects.get()
        interrupted.claim("serve-one")
        assert not DBTaskResult.objects.ready().exists()
        worker = BackgroundWorker("one", interval_s=0.02)
        worker.start()
        try:
            assert eventually(lambda: mails().successful().count() == 1)
            send_password_link.enqueue(str(person.pk))
            assert eventually(lambda: mails().successful().count() == 2)
        finally:
            assert worker.stop(5)
        assert len(mail.outbox) == 2
        assert not worker.running

    def test_jobs_of_another_process_are_left_to_it(self) -> None:
        person = services.create_person("a@example.org", "A", password="correct horse battery")
        send_password_link.enqueue(str(person.pk))
        DBTaskResult.objects.get().claim("serve-two")
        worker = BackgroundWorker("one", interval_s=0.02)
        worker.start()
        worker.stop(5)
        assert mails().running().count() == 1
