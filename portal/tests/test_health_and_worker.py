"""The health pages tell what fails; the worker runs jobs, stops between two, and takes up what a kill interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import AsyncClient, TestCase, TransactionTestCase
from django_tasks_db.models import DBTaskResult

from meetings import audit
from meetings.outgoing.models import AllowedDestination
from meetings.tests.answering_service import answer, served
from meetings.webhooks import services as webhooks
from meetings.webhooks.models import WebhookDelivery
from portal import health
from portal.accounts import services
from portal.tasks import send_password_link
from portal.tests.api_case import meeting_of
from portal.tests.stored_on_disk import StoredOnDisk
from portal.worker import BackgroundWorker, workers_of


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
        if condition():
            return True
        waiting.wait(0.02)
    return condition()


def mails() -> Any:
    """The jobs of these tests; a worker queues the day's work beside them."""
    return DBTaskResult.objects.filter(task_path=send_password_link.module_path)


class Worker(StoredOnDisk, TransactionTestCase):
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
            assert worker.stop(20)
        assert len(mail.outbox) == 2
        assert not worker.running

    def test_webhooks_are_sent_by_workers_of_their_own(self) -> None:
        host = services.create_person("a@example.org", "A", password="correct horse battery")
        meeting = meeting_of(host)
        workers = [worker for worker in workers_of("one") if worker.queue != "default"]
        assert len({worker.worker_id for worker in workers}) == len(workers) > 1
        with served(answer(204, b"")) as service:
            AllowedDestination.objects.create(text=service.url, for_everybody=True)
            webhooks.make(host, url=service.url)
            for worker in workers:
                worker.interval_s = 0.02
                worker.start()
            try:
                for kind in ("door.locked", "door.unlocked", "door.locked"):
                    audit.record(kind, actor=host, meeting=meeting)
                assert eventually(lambda: WebhookDelivery.objects.filter(state="delivered").count() == 3)
            finally:
                assert all([worker.stop(20) for worker in workers])
        told = [request.json["type"] for request in service.requests]
        assert told == ["meeting.locked", "meeting.unlocked", "meeting.locked"]
        assert not mails().exists()

    def test_jobs_of_another_process_are_left_to_it(self) -> None:
        person = services.create_person("a@example.org", "A", password="correct horse battery")
        send_password_link.enqueue(str(person.pk))
        DBTaskResult.objects.get().claim("serve-two")
        worker = BackgroundWorker("one", interval_s=0.02)
        worker.start()
        worker.stop(20)
        assert mails().running().count() == 1
