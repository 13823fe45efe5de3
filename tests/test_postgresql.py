"""Lintel on PostgreSQL and Redis as operators run it, and what happens when they go away and come back.

Everything else runs on SQLite; `TESTS_DATABASE_URL` and `TESTS_REDIS_URL` put single tests on these.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import OperationalError

from portal.database import POSTGRESQL_OPTIONS
from portal.tests.process import run_manage
from tests.intruder.case import COLLEAGUE, HOST
from tests.intruder.media_case import BUSY_SECONDS, MediaCase
from tests.support.client import Answer
from tests.support.portal import PASSWORD, Portal
from tests.support.postgresql import PostgreSQL, Redis, programs

LEASE_SECONDS = 10.0
BACK_SECONDS = 20.0

pytestmark = [
    pytest.mark.extra,
    pytest.mark.timeout(180),
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL: apt-get install -y postgresql"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis: apt-get install -y redis-server"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("psycopg", "redis")),
        reason="pip install --require-hashes -r requirements-cluster.txt",
    ),
]

Running = tuple[Portal, PostgreSQL, Redis]


def wrapper(postgresql: PostgreSQL) -> Any:
    """A connection of Django's to it, as the portal has them."""
    from portal.database.postgresql.base import DatabaseWrapper

    where = dict(HOST="127.0.0.1", PORT=postgresql.port, NAME="postgres", USER="lintel", PASSWORD="lantern")
    rest = dict(AUTOCOMMIT=True, CONN_MAX_AGE=0, CONN_HEALTH_CHECKS=False, TIME_ZONE=None, ATOMIC_REQUESTS=False)
    return DatabaseWrapper(where | rest | {"OPTIONS": dict(POSTGRESQL_OPTIONS)}, alias="default")


def ask(database: Any, question: str) -> Any:
    with database.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with ExitStack() as stack:
        postgresql, redis = PostgreSQL(), Redis()
        stack.callback(postgresql.close)
        stack.callback(redis.stop)
        where = tmp_path_factory.mktemp("cluster") / "data"
        portal = Portal(where, LINTEL_DATABASE_URL=postgresql.url, LINTEL_REDIS_URL=redis.url)
        stack.callback(portal.close)
        portal.create_people((HOST, "Ingrid Sæther", "admin"), (COLLEAGUE, "Marcus Bell", "staff"), tokens=[HOST])
        yield portal, postgresql, redis


@pytest.fixture(scope="class")
def portal_of_class(request: pytest.FixtureRequest, running: Running) -> None:
    request.cls.portal, request.cls.postgresql, request.cls.redis = running


class OnPostgreSQL(MediaCase):
    """Ingrid and Peter speak before each test begins: signing in, scheduling, links and joining have worked."""

    postgresql: ClassVar[PostgreSQL]
    redis: ClassVar[Redis]

    async def try_to_sign_in(self, password: str = PASSWORD) -> Answer:
        client = self.client()
        await client.get("/sign-in/")
        form = f"login={COLLEAGUE}&password={password.replace(' ', '+')}"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": client.base}
        token = f"&csrfmiddlewaretoken={client.cookie('lintel-csrf')}"
        return await client.request("POST", "/sign-in/", (form + token).encode(), headers)

    def log_since(self, mark: int) -> str:
        return self.portal.server.log[mark:]

    async def hear_each_other_again(self) -> None:
        before = self.peter.heard(self.ingrid), self.ingrid.heard(self.peter)
        async with asyncio.timeout(BACK_SECONDS):
            while self.peter.heard(self.ingrid) < before[0] + 10 or self.ingrid.heard(self.peter) < before[1] + 10:
                await self.speak_for(0.05)

    async def test_who_is_revoked_is_out_and_the_log_is_whole(self) -> None:
        invitations = await self.portal.api(HOST, "GET", f"/meetings/{self.meeting['id']}/invitations")
        (peter,) = invitations["items"]
        await self.portal.api(HOST, "POST", f"/meetings/{self.meeting['id']}/invitations/{peter['id']}/revoke")
        await self.assert_silence(self.peter, self.ingrid)
        self.assertEqual((await self.peter.socket.message("refused"))["reason"], "closed")
        self.assertIn("intact", self.portal.manage("audit", "verify"))
        file = self.portal.data_dir / "log.jsonl"
        self.portal.manage("audit", "export", str(file))
        self.assertIn("invitation.revoked", file.read_text())
        said = self.portal.manage("doctor")
        self.assertIn("postgresql, up to date", said)
        self.assertIn("redis: answers", said)

    async def test_a_command_in_another_process_reaches_the_meeting(self) -> None:
        """`NOTIFY` rings: the tick would be as right, and up to 100 ms later."""
        marcus = self.client()
        await marcus.sign_in(COLLEAGUE, PASSWORD)
        await self.portal.invite(HOST, self.meeting, COLLEAGUE)
        inside = await self.join(marcus, self.meeting["code"])
        await inside.message("room")
        await asyncio.to_thread(self.portal.manage, "deactivateperson", COLLEAGUE)
        self.addCleanup(self.portal.manage, "deactivateperson", COLLEAGUE, "--undo")
        await inside.closed()

    async def test_no_second_process_serves_the_same_database(self) -> None:
        other = self.portal.data_dir.with_name("another")
        done = await asyncio.to_thread(run_manage, other, "serve", **self.portal.settings)
        self.assertEqual(done.returncode, 2)
        own = f"process {self.portal.server.process.pid} on "
        self.assertRegex(done.stderr, rf"\ALINTEL_DATABASE_URL: another Lintel serves .*{own}[^\n]*\n\Z")

    async def test_without_the_database_media_stop_nobody_enters_and_all_comes_back_by_itself(self) -> None:
        late, _ = await self.guest_with_link(self.meeting, "omar@medreg.example")
        mark = len(self.portal.server.log)
        self.postgresql.stop()
        gone = time.time()
        try:
            answer = await late.arrive(self.meeting["code"], "Omar")
            self.assertEqual((answer.status, "ticket" in answer.body.decode()), (503, False))
            self.assertEqual((await self.try_to_sign_in()).status, 503)
            page = await late.get(f"/m/{self.meeting['code']}")
            self.assertEqual((page.status, page.headers["Retry-After"]), (503, "5"))
            self.assertIn("Not at the moment", page.body.decode())
            api = await self.portal.try_api(HOST, "GET", "/meetings")
            self.assertEqual((api.status, api.json["code"]), (503, "try_again"))
            self.assertIn("database", (await late.get("/readyz")).json["failing"])
            self.assertLess(await self.last_packet() - gone, LEASE_SECONDS + BUSY_SECONDS)
        finally:
            self.postgresql.start()
        await self.hear_each_other_again()
        self.assertEqual((await late.arrive(self.meeting["code"], "Omar")).status, 200)
        self.assertEqual((await self.try_to_sign_in()).status, 302)
        said = self.log_since(mark)
        self.assertIn("the database was lost", said)
        self.assertIn("the database is back", said)
        self.assertNotIn("Traceback", said)
        self.assertIn("intact", self.portal.manage("audit", "verify"))

    async def test_a_restart_of_the_database_is_not_noticed_inside(self) -> None:
        self.postgresql.stop()
        self.postgresql.start()
        await self.hear_each_other_again()
        self.assertEqual((await self.try_to_sign_in()).status, 302)
        self.assertFalse(self.peter.is_out or self.ingrid.is_out)

    async def test_without_redis_nobody_tries_passwords_and_meetings_go_on(self) -> None:
        mark = len(self.portal.server.log)
        self.redis.stop()
        try:
            for password in (PASSWORD, "a wrong one"):
                answer = await self.try_to_sign_in(password)
                self.assertEqual((answer.status, "Not at the moment" in answer.body.decode()), (503, True))
            late, _ = await self.guest_with_link(self.meeting, "omar@medreg.example")
            socket = await self.join(late, self.meeting["code"], "Omar")
            await self.let_in(self.ingrid.socket, socket)
            await self.hear_each_other_again()
        finally:
            self.redis.start()
        self.assertEqual((await self.try_to_sign_in()).status, 302)
        self.assertNotIn("Traceback", self.log_since(mark))


@pytest.fixture(scope="module")
def postgresql(running: Running) -> PostgreSQL:
    return running[1]


@pytest.mark.django_db
def test_a_transaction_waits_for_the_one_before_and_a_statement_does_not(postgresql: PostgreSQL) -> None:
    """Guard: `_take_turn`. Without turns, two that lock the audit log and a meeting in either order end each other."""
    first, other = wrapper(postgresql), wrapper(postgresql)
    begun = threading.Event()

    def write() -> None:
        second = wrapper(postgresql)
        second.set_autocommit(False)
        begun.set()
        second.rollback()
        second.set_autocommit(True)
        second.close()

    first.set_autocommit(False)
    waits = threading.Thread(target=write)
    waits.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    end = time.monotonic() + BACK_SECONDS
    while ask(other, waiting) != 1:
        assert time.monotonic() < end
    assert not begun.is_set()
    first.commit()
    assert begun.wait(BACK_SECONDS)
    waits.join()
    first.close()
    other.close()


@pytest.mark.django_db
def test_who_waits_too_long_is_told_and_may_use_the_connection_again(postgresql: PostgreSQL) -> None:
    first, second = wrapper(postgresql), wrapper(postgresql)
    first.set_autocommit(False)
    ask(second, "SELECT set_config('lock_timeout', '50ms', false)")
    with pytest.raises(OperationalError):
        second.set_autocommit(False)
    assert ask(second, "SELECT 1") == 1
    first.rollback()
    second.close()
    first.close()


@pytest.mark.django_db
def test_a_connection_is_kept_as_long_as_the_other_end_keeps_it(postgresql: PostgreSQL) -> None:
    """Guard: `_is_open`."""
    from portal.database.postgresql.base import shelf

    shelf.close()
    own = "SELECT pg_backend_pid()"
    first, second, other = (wrapper(postgresql) for _ in range(3))
    used = ask(first, own)
    first.close()
    assert ask(second, own) == used
    assert ask(other, own) != used
    second.close()
    assert ask(other, f"SELECT pg_terminate_backend({used}, 5000)") is True
    assert ask(second, own) != used
    second.close()
    other.close()


def test_whoever_lost_the_database_to_another_process_ends(postgresql: PostgreSQL) -> None:
    """Guard: `OnlyOne._keep`."""
    import psycopg

    from portal.database.postgresql.serving import SERVING, OnlyOne

    url = postgresql.url.replace("/postgres", "/template1")  # the portal serves the other one
    ended = threading.Event()
    OnlyOne(psycopg.conninfo.conninfo_to_dict(url), ended.set)
    with psycopg.connect(url, autocommit=True) as next_one, psycopg.connect(url, autocommit=True) as other:

        def holder() -> int:
            """The process of the server that has the lock for `OnlyOne`; 0 where none has."""
            held = "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
            found = other.execute(held + " AND application_name LIKE 'Lintel%' AND datname = 'template1'").fetchone()
            return found[0] if found else 0

        before = holder()
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
        end = time.monotonic() + BACK_SECONDS
        while holder() in {0, before}:
            assert time.monotonic() < end
        assert not ended.is_set()

        taking = threading.Thread(target=next_one.execute, args=("SELECT pg_advisory_lock(%s)", [SERVING]))
        taking.start()
        while not other.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone():
            assert time.monotonic() < end
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [holder()])
        taking.join()
        assert ended.wait(BACK_SECONDS)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE", "postgresql://lintel:wrong@127.0.0.1:{port}/postgres", "password authentication failed"),
        ("DATABASE", "postgresql://lintel:lantern@127.0.0.1:1/postgres", "Connection refused"),
        ("REDIS", "redis://127.0.0.1:1/0", "Connection refused"),
    ],
)
def test_what_can_not_be_reached_stops_the_start_with_one_line(
    running: Running, tmp_path: Path, name: str, value: str, said: str
) -> None:
    _, postgresql, redis = running
    settings = {"LINTEL_DATABASE_URL": postgresql.url, "LINTEL_REDIS_URL": redis.url}
    done = run_manage(
        tmp_path / "data", "serve", **settings | {f"LINTEL_{name}_URL": value.format(port=postgresql.port)}
    )
    assert done.returncode == 2
    assert re.fullmatch(rf"LINTEL_{name}_URL: [^\n]*can't be used [^\n]*{said}[^\n]*\n", done.stderr), done.stderr


def test_a_command_without_its_database_says_so_in_one_line(tmp_path: Path) -> None:
    done = run_manage(tmp_path / "data", "audit", "verify", LINTEL_DATABASE_URL="postgresql://a:b@127.0.0.1:1/lintel")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("LINTEL_DATABASE_URL: the database can't be used (")
