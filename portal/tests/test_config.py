"""What an operator writes is read strictly, and every mistake is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import ConfigError, read_config


def problems_of(**settings: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_config(settings)
    return caught.value.problems


def config_of(tmp_path: Path, **settings: str):
    return read_config({"LINTEL_DATA_DIR": str(tmp_path), **settings})


def test_without_settings_everything_stays_on_this_machine(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert config.host == "127.0.0.1"
    assert config.public_url == "http://localhost:8000"
    assert config.media_bind == "127.0.0.1"
    assert config.media_advertised == ("127.0.0.1",)
    assert config.origins == ("http://localhost:8000", "http://127.0.0.1:8000")


def test_an_unknown_name_stops_the_start_and_names_the_nearest() -> None:
    assert problems_of(LINTEL_PROT="8000") == ["LINTEL_PROT: is not a setting; did you mean LINTEL_PORT?"]


def test_all_problems_are_told_in_one_go_each_on_one_line() -> None:
    problems = problems_of(LINTEL_PORT="eighty", LINTEL_LOG_FORMAT="xml", LINTEL_HOST="everywhere", LINTEL_X="1")
    assert len(problems) == 4
    assert all("\n" not in problem and problem.startswith("LINTEL_") for problem in problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LINTEL_OUTGOING_ALLOW", "10.0.0.0/8,everything"),
        ("LINTEL_OUTGOING_ALLOW", "169.254.169.254"),
        ("LINTEL_OUTGOING_ALLOW", "https://auth.example.org"),
        ("LINTEL_LIVE_MEETINGS_PER_ACCOUNT", "0"),
        ("LINTEL_LIVE_MEETINGS_PER_ACCOUNT", "1001"),
        ("LINTEL_PORT", "0"),
        ("LINTEL_PORT", "65536"),
        ("LINTEL_PORT", "-1"),
        ("LINTEL_PORT", "８０"),
        ("LINTEL_HOST", "meet.example.org"),
        ("LINTEL_PUBLIC_URL", "meet.example.org"),
        ("LINTEL_PUBLIC_URL", "http://meet.example.org"),
        ("LINTEL_PUBLIC_URL", "https://meet.example.org/path"),
        ("LINTEL_PUBLIC_URL", "https://user:secret@meet.example.org"),
        ("LINTEL_PUBLIC_URL", "https://meet.example.org:port"),
        ("LINTEL_PUBLIC_URL", "https://"),
        ("LINTEL_PUBLIC_URL", "ftp://meet.example.org"),
        ("LINTEL_DATABASE_URL", "mysql://localhost/lintel"),
        ("LINTEL_DATABASE_URL", "postgresql://localhost"),
        ("LINTEL_DATABASE_URL", "sqlite://relative.sqlite3"),
        ("LINTEL_REDIS_URL", "http://localhost"),
        ("LINTEL_REDIS_URL", "redis://"),
        ("LINTEL_EMAIL_URL", "mail.example.org"),
        ("LINTEL_EMAIL_URL", "smtp://mail.example.org/path"),
        ("LINTEL_EMAIL_FROM", "nobody"),
        ("LINTEL_MEDIA_PUBLIC_ADDRESSES", "203.0.113.7, meet.example.org"),
        ("LINTEL_MEDIA_TCP_PORT", "any"),
        ("LINTEL_TURN_URLS", "https://turn.example.org"),
        ("LINTEL_TLS_CERT", "/does/not/exist.pem"),
        ("LINTEL_NODE_ID", "Node One"),
        ("LINTEL_ORGANISATION", "x" * 81),
        ("LINTEL_TRUSTED_PROXIES", "nginx"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    assert any(problem.startswith(f"{name}: ") for problem in problems_of(**{name: value}))


def test_a_public_host_needs_a_public_url() -> None:
    assert problems_of(LINTEL_HOST="0.0.0.0")[0].startswith("LINTEL_PUBLIC_URL: is needed")


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    assert problems_of(LINTEL_TLS_CERT=str(tmp_path / "cert.pem"))[0].startswith("LINTEL_TLS_KEY: is missing")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text('# mine\nLINTEL_ORGANISATION="From the file"\nexport LINTEL_PORT=9001\n')
    config = config_of(tmp_path, LINTEL_PORT="9002")
    assert (config.organisation, config.port) == ("From the file", 9002)


@pytest.mark.parametrize("line", ["LINTEL_PROT=1", "PORT=1", "what is this", "LINTEL_DATA_DIR=/elsewhere"])
def test_the_file_is_read_as_strictly_as_the_environment(tmp_path: Path, line: str) -> None:
    (tmp_path / "settings.env").write_text(line + "\n")
    with pytest.raises(ConfigError):
        config_of(tmp_path)


def test_mail_servers_are_understood(tmp_path: Path) -> None:
    mail = config_of(tmp_path, LINTEL_EMAIL_URL="smtp+starttls://me%40x:p%2Fw@mail.example.org").email_url
    assert mail is not None
    assert (mail.host, mail.port, mail.user, mail.password, mail.security) == (
        "mail.example.org",
        587,
        "me@x",
        "p/w",
        "starttls",
    )


def test_a_database_address_is_taken_apart(tmp_path: Path) -> None:
    database = config_of(
        tmp_path, LINTEL_DATABASE_URL="postgresql://u:p%40@db:5433/lintel?sslmode=require"
    ).database_url
    assert database is not None
    assert (database.user, database.password, database.host, database.port, database.name) == (
        "u",
        "p@",
        "db",
        5433,
        "lintel",
    )
    assert database.options == (("sslmode", "require"),)


def test_secrets_stay_out_of_what_is_printed(tmp_path: Path) -> None:
    config = config_of(tmp_path, LINTEL_EMAIL_URL="smtp://me:hunter2@mail.example.org")
    assert "hunter2" not in repr(config)
    assert "hunter2" not in f"{config.email_url}"


def test_behind_a_proxy_of_this_machine_media_goes_where_it_is_told(tmp_path: Path) -> None:
    config = config_of(
        tmp_path, LINTEL_PUBLIC_URL="https://meet.example.org", LINTEL_MEDIA_PUBLIC_ADDRESSES="203.0.113.7"
    )
    assert config.media_bind == "0.0.0.0"
    assert config.media_advertised == ("203.0.113.7",)


def test_a_public_portal_does_not_trust_pages_of_the_visitors_own_machine(tmp_path: Path) -> None:
    assert config_of(tmp_path, LINTEL_PUBLIC_URL="https://meet.example.org").origins == ("https://meet.example.org",)
