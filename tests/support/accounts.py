"""Accounts and API tokens of a test's portal, all made by one process: to start Django for each would take a second.

Run as a program it makes what standard input asks for, and writes the tokens to standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from portal.tests.process import run_program

PASSWORD = "seven quiet lanterns"
QUICK = {"DJANGO_SETTINGS_MODULE": "tests.support.settings"}
REAL = {"DJANGO_SETTINGS_MODULE": "portal.settings"}

Person = tuple[str, str, str]
"""Address, name and role."""


def make_accounts(
    data_dir: Path, people: Iterable[Person], tokens: Iterable[str] = (), **settings: str
) -> dict[str, str]:
    """Accounts that can sign in with PASSWORD; a token for each address in `tokens`, by address."""
    wanted = json.dumps({"people": list(people), "tokens": list(tokens)})
    done = run_program(data_dir, "-m", "tests.support.accounts", stdin=wanted, **settings)
    assert done.returncode == 0, done.stderr
    made: dict[str, str] = json.loads(done.stdout)
    return made


def main() -> None:
    import django

    django.setup()
    from portal.accounts.services import create_person, make_token
    from portal.models import User

    wanted = json.load(sys.stdin)
    for email, name, role in wanted["people"]:
        create_person(email, name, role=role, password=PASSWORD, label="tests")
    tokens = {email: make_token(User.objects.get(email=email), "tests", []) for email in wanted["tokens"]}
    json.dump(tokens, sys.stdout)


if __name__ == "__main__":
    main()
