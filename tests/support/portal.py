"""A served portal as programs use it: commands, the HTTP API, and scripted participants. Nothing from inside."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal.tests.process import Server, run_manage, with_tables
from tests.support.accounts import PASSWORD, QUICK, REAL, Person, make_accounts
from tests.support.client import Answer, Client, Json

__all__ = ["PASSWORD", "REAL", "Portal", "only"]


class Portal:
    """Starts `manage.py serve`, or another `program`, with data of its own. Call `close` at the end.

    What measures the product starts it with the settings REAL.
    """

    def __init__(self, data_dir: Path, program: list[str] | None = None, **settings: str) -> None:
        self.data_dir = with_tables(data_dir)
        self.program = program
        self.settings = QUICK | settings
        self.tokens: dict[str, str] = {}
        self.server = Server(data_dir, program, **self.settings)
        self.server.__enter__()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def close(self) -> None:
        self.server.__exit__(None, None, None)

    def kill_and_restart(self) -> None:
        """SIGKILL, then a new process on the same ports and data."""
        old = self.server
        old.process.send_signal(signal.SIGKILL)
        old.process.wait(10)
        ports = {"LINTEL_PORT": str(old.port), "LINTEL_MEDIA_PORT": str(old.media_port)}
        self.server = Server(self.data_dir, self.program, **(self.settings | ports))
        self.server.port, self.server.media_port = old.port, old.media_port
        self.server.__enter__()

    def manage(self, *arguments: str, stdin: str = "") -> str:
        done = run_manage(self.data_dir, *arguments, stdin=stdin, **self.settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create_people(self, *people: Person, tokens: Iterable[str] = ()) -> None:
        """Accounts that can sign in. `api` can act as those in `tokens`."""
        self.tokens |= make_accounts(self.data_dir, people, tokens, **self.settings)

    def create_person(self, email: str, name: str, *, role: str = "staff") -> None:
        self.create_people((email, name, role))

    def make_token(self, email: str) -> None:
        """Lets `api` act as this person."""
        self.create_people(tokens=[email])

    def client(self, address: str = "127.0.0.1") -> Client:
        """A new browser profile."""
        return Client(self.base, address)

    async def signed_in(self, email: str) -> Client:
        client = self.client()
        await client.sign_in(email, PASSWORD)
        return client

    async def api(self, email: str, method: str, path: str, body: Json | None = None) -> Any:
        """Calls /api/v1 as this person; fails unless it answers 2xx."""
        answer = await self.try_api(email, method, path, body)
        assert 200 <= answer.status < 300, (answer.status, answer.body)
        return answer.json if answer.body else None

    async def try_api(
        self, email: str, method: str, path: str, body: Json | None = None, *, program: Client | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self.tokens[email]}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return await (program or self.client()).request(method, f"/api/v1{path}", data, headers)

    async def schedule(self, host: str, **fields: Any) -> Json:
        """A meeting that starts now; its door opens at any time."""
        body = {
            "title": "Trial safety board",
            "starts_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
            "door_opens_minutes": None,
        }
        found: Json = await self.api(host, "POST", "/meetings", body | fields)
        return found

    async def invite(self, host: str, meeting: Json, email: str) -> Json:
        """An invitation with its personal link, `join_url`; nothing is mailed."""
        body = {"email": email, "notify": False}
        found: Json = await self.api(host, "POST", f"/meetings/{meeting['id']}/invitations", body)
        return found


def only(items: list[Json], fits: Callable[[Json], bool]) -> Json:
    found = [item for item in items if fits(item)]
    assert len(found) == 1, items
    return found[0]
