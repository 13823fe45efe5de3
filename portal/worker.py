"""Background jobs in a thread of the serving process. `manage.py db_worker` runs more of them elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import structlog
from django.db import DatabaseError, close_old_connections, connections, transaction
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from meetings.threads import step_back
from meetings.webhooks import delivery
from portal import housekeeping

log = structlog.get_logger("lintel.worker")

DEFAULT = "default"
WORKERS: Final[Mapping[str, int]] = MappingProxyType({DEFAULT: 1, delivery.QUEUE: 3})
"""Queue → threads of this process. Webhooks have a queue of their own: an address that takes its time must hold up
nobody's mail, and no other webhook either.
"""


def workers_of(node_id: str) -> list[BackgroundWorker]:
    """All that a serving process runs."""
    return [
        BackgroundWorker(node_id, queue=queue, number=number)
        for queue, count in WORKERS.items()
        for number in range(1, count + 1)
    ]


class BackgroundWorker:
    """Runs the jobs of one queue as they become due, one after another. Owned by the server: `start`, then `stop`."""

    def __init__(self, node_id: str, interval_s: float = 0.5, queue: str = DEFAULT, number: int = 1) -> None:
        self.worker_id = f"serve-{node_id}" if queue == DEFAULT else f"serve-{node_id}-{queue}-{number}"
        self.queue = queue
        self.interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lintel-{queue}-{number}", daemon=True)
        self._inner: Any = None
        self._asks_again_at = 0.0
        self._minute_ends_at = 0.0
        self._waits = False

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Lets the running job end; True when it did in time."""
        self._stop.set()
        if self._inner is not None:
            self._inner.running = False  # as its own signal handler does
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        step_back()
        self._take_up_again()
        while not self._stop.is_set():
            try:
                self._keep_house()
                self._run_due()
                self._waits = False
            except DatabaseError as problem:
                if not self._waits:
                    log.warning("jobs wait for the database", worker=self.worker_id, problem=type(problem).__name__)
                self._waits = True
            except Exception:
                log.exception("a job's bookkeeping failed")
            finally:
                close_old_connections()
            self._stop.wait(self.interval_s)
        connections.close_all()

    def _keep_house(self) -> None:
        if self.queue != DEFAULT:
            return
        asks = time.monotonic() >= self._asks_again_at
        if asks:
            self._asks_again_at = time.monotonic() + housekeeping.ASKED_EVERY_S
            housekeeping.queue_if_due(timezone.now())
        if time.monotonic() >= self._minute_ends_at:
            self._minute_ends_at = time.monotonic() + housekeeping.MINUTE_S
            housekeeping.do_the_minutes_work(timezone.now(), make_ahead=asks)

    def _run_due(self) -> None:
        # Looking takes no lock; the worker's own claim is an exclusive transaction, too dear for every half second.
        if not DBTaskResult.objects.ready().filter(queue_name=self.queue).exists():
            return
        self._inner = Worker(
            queue_names=[self.queue],
            interval=0,
            batch=True,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=self.worker_id,
            excluded_queue_names=[],
        )
        if self._stop.is_set():
            return
        self._inner.run()

    def _take_up_again(self) -> None:
        """Jobs that a killed process had begun go back into the queue: a mail twice is better than none."""
        try:
            with transaction.atomic():
                for job in DBTaskResult.objects.running():
                    if job.worker_ids and job.worker_ids[-1] == self.worker_id:
                        job.status = "READY"
                        job.save(update_fields=["status"])
                        log.info("job taken up again", job=str(job.pk))
        except DatabaseError:
            log.exception("interrupted jobs could not be taken up again")
