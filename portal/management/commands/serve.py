"""`manage.py serve`: brings the data up to date and serves until it's told to stop."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseFailure
from django.db import connection, connections

from portal import redis
from portal.config import ConfigError
from portal.database import unusable
from portal.files import only_one_server
from portal.staticfiles import collect


class Command(BaseCommand):
    help = "Serve the portal, the sockets and the media engine until SIGTERM or Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        # The lock lives as long as the process, which ends in os._exit below.
        lock = only_one_server(settings.LINTEL.data_dir)
        if problem := redis.problem(settings.LINTEL.redis_url):
            raise ConfigError([problem])
        self.take_database()
        self.bring_up_to_date()
        from portal.server import serve

        code = serve(settings.LINTEL, self.announcement)
        lock.close()
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: at interpreter exit, threads of a request that hangs would be waited for without end.
        os._exit(code)

    def take_database(self) -> None:
        """As the data directory above: no other process may serve it."""
        if connection.vendor != "postgresql":
            return
        from portal.database.postgresql.serving import OnlyOne

        def end() -> None:
            os.kill(os.getpid(), signal.SIGTERM)

        OnlyOne(connection.get_connection_params(), on_taken_over=end)

    def bring_up_to_date(self) -> None:
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except DatabaseFailure as problem:
            raise ConfigError([unusable(problem)]) from None
        collect()
        connections.close_all()

    def announcement(self) -> list[str]:
        """What to print once the portal answers."""
        from portal.accounts.services import first_administrator_link

        lines = [f"Lintel is ready at {settings.LINTEL.public_url}"]
        link = first_administrator_link()
        return [*lines, f"Create the first administrator: {link}"] if link else lines
