"""The commands an operator and a script use, run as processes."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import stat
import sys
from pathlib import Path
from socket import SOCK_DGRAM
from unittest.mock import patch

import pytest

from portal.config import ConfigError, read_config
from portal.extras import require_extras
from portal.files import prepare_data_dir
from portal.files import secret as make_secret
from portal.tests.certificates import make_certificate
from portal.tests.process import ROOT, environment, free_port, run_manage, with_tables

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_tables(tmp_path_factory.mktemp("commands") / "data")


def createperson(data_dir: Path, email: str, *more: str, password: str = PASSWORD):  # type: ignore[no-untyped-def]
    return run_manage(
        data_dir, "createperson", email, "--name", "Ada", *more, "--password-stdin", stdin=password + "\n"
    )


def test_createperson_makes_an_account_and_repeats_no_secret(data_dir: Path) -> None:
    done = createperson(data_dir, "Ada@Example.org", "--role", "admin")
    assert (done.returncode, done.stdout) == (0, "Created ada@example.org (admin).\n"), done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_createperson_does_not_show_what_is_typed_at_a_terminal(data_dir: Path) -> None:
    command = ["manage.py", "createperson", "typed@example.org", "--name", "Ada", "--password-stdin"]
    child, terminal = pty.fork()
    if not child:
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, *command], environment(data_dir))  # noqa: S606
    shown = b""
    with open(terminal, "r+b", buffering=0) as typing, contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := typing.read(4096):
            asked = b"Password" in shown
            shown += piece
            if not asked and b"Password" in shown:
                typing.write(PASSWORD.encode() + b"\n")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    assert b"Created typed@example.org (staff)." in shown
    assert PASSWORD.encode() not in shown


@pytest.mark.parametrize(
    ("email", "more", "password", "words"),
    [
        ("not-an-address", (), PASSWORD, "valid email"),
        ("short@example.org", (), "short", "too short"),
        ("empty@example.org", (), "", "No password"),
        ("role@example.org", ("--role", "king"), PASSWORD, "invalid choice"),
    ],
)
def test_createperson_refuses_in_one_line(
    data_dir: Path, email: str, more: tuple[str, ...], password: str, words: str
) -> None:
    done = createperson(data_dir, email, *more, password=password)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_is_taken_once(data_dir: Path) -> None:
    createperson(data_dir, "twice@example.org")
    done = createperson(data_dir, "TWICE@example.org")
    assert done.returncode != 0
    assert "There is already an account with this email." in done.stderr


def test_apitoken_prints_the_token_alone_on_the_last_line(data_dir: Path) -> None:
    createperson(data_dir, "script@example.org")
    done = run_manage(data_dir, "apitoken", "script@example.org", "--name", "nightly", "--scope", "read")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"lintel_[\w-]{43}", done.stdout.splitlines()[-1])


def test_apitoken_for_nobody_is_refused(data_dir: Path) -> None:
    done = run_manage(data_dir, "apitoken", "nobody@example.org", "--name", "x")
    assert done.returncode != 0
    assert "There is no active account with this email." in done.stderr


def test_deactivateperson_ends_an_account_and_undoes_it(data_dir: Path) -> None:
    createperson(data_dir, "gone@example.org")
    done = run_manage(data_dir, "deactivateperson", "Gone@example.org")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Deactivated gone@example.org." in done.stdout
    assert run_manage(data_dir, "apitoken", "gone@example.org", "--name", "x").returncode != 0
    assert run_manage(data_dir, "deactivateperson", "gone@example.org", "--undo").returncode == 0
    assert run_manage(data_dir, "apitoken", "gone@example.org", "--name", "x").returncode == 0
    unknown = run_manage(data_dir, "deactivateperson", "nobody@example.org")
    assert (unknown.returncode, "There is no account with this email." in unknown.stderr) == (1, True)


@pytest.fixture
def ports() -> dict[str, str]:
    return {"LINTEL_PORT": str(free_port()), "LINTEL_MEDIA_PORT": str(free_port(SOCK_DGRAM))}


def test_the_doctor_finds_a_healthy_installation_healthy(data_dir: Path, ports: dict[str, str]) -> None:
    done = run_manage(data_dir, "doctor", **ports)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("settings", "data", "database", "ports", "media", "tls", "mail", "clock", "static files"):
        assert re.search(rf"^(ok|care)\s+{name}: ", done.stdout, re.MULTILINE), name


def test_the_doctor_finds_secrets_that_others_can_read(tmp_path: Path, ports: dict[str, str]) -> None:
    data_dir = with_tables(tmp_path / "data")
    prepare_data_dir(data_dir)
    make_secret(data_dir, "django-key")
    secret = data_dir / "secrets" / "django-key"
    secret.chmod(0o644)
    done = run_manage(data_dir, "doctor", **ports)
    assert done.returncode == 1
    assert f"{secret} can be read by others" in done.stdout
    assert stat.S_IMODE(secret.stat().st_mode) == 0o644  # it tells; it doesn't change


def test_the_doctor_finds_a_mail_server_that_does_not_answer(data_dir: Path, ports: dict[str, str]) -> None:
    done = run_manage(data_dir, "doctor", LINTEL_EMAIL_URL="smtp://user:hunter2@127.0.0.1:9", **ports)
    assert done.returncode == 1
    assert "mail: 127.0.0.1:9 (none) can't be used" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_the_doctor_finds_a_certificate_for_another_name(data_dir: Path, tmp_path: Path, ports: dict[str, str]) -> None:
    certificate, key = make_certificate(tmp_path, name="other.example.org")
    done = run_manage(
        data_dir,
        "doctor",
        LINTEL_TLS_CERT=str(certificate),
        LINTEL_TLS_KEY=str(key),
        LINTEL_PUBLIC_URL="https://meet.example.org",
        **ports,
    )
    assert done.returncode == 1
    assert "the certificate is not for meet.example.org" in done.stdout


def test_the_doctor_finds_a_proxy_without_a_media_address(data_dir: Path, ports: dict[str, str]) -> None:
    done = run_manage(data_dir, "doctor", LINTEL_PUBLIC_URL="https://meet.example.org", **ports)
    assert done.returncode == 1
    assert "set LINTEL_MEDIA_PUBLIC_ADDRESSES" in done.stdout


def test_what_needs_a_missing_package_says_how_to_get_it(tmp_path: Path) -> None:
    config = read_config(
        {
            "LINTEL_DATA_DIR": str(tmp_path),
            "LINTEL_DATABASE_URL": "postgresql://a:b@127.0.0.1/lintel",
            "LINTEL_REDIS_URL": "redis://127.0.0.1",
        }
    )
    with patch("importlib.util.find_spec", return_value=None), pytest.raises(ConfigError) as refused:
        require_extras(config)
    database, redis = refused.value.problems
    assert database.startswith("LINTEL_DATABASE_URL: PostgreSQL needs the package psycopg; run: .venv/bin/pip install")
    assert redis.startswith("LINTEL_REDIS_URL: Redis needs the package redis; run: .venv/bin/pip install")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write in another user's place")
def test_root_does_not_write_in_the_data_of_another_user(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    prepare_data_dir(data_dir)
    os.chown(data_dir / "secrets", 54321, -1)
    done = run_manage(data_dir, "doctor")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"LINTEL_DATA_DIR: {data_dir} belongs to #54321; run this as #54321 (sudo -u #54321 …)\n"
    assert list((data_dir / "secrets").iterdir()) == []
