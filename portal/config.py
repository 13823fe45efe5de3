"""The settings an operator may make: one typed object read from LINTEL_… names.

Standard library only, so that a mistake is told before Django is imported. Knows nothing of Django.
The environment wins over `settings.env` in the data directory. Whatever is unknown or wrong stops the start:
`read_config` collects every problem, so that the operator mends all of them at once.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

PREFIX = "LINTEL_"
BASE_DIR = Path(__file__).resolve().parent.parent
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_ENV_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class ConfigError(Exception):
    """The settings can't be used. `problems` are whole sentences, one line each, naming the setting and the fix."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def first_line(problem: BaseException) -> str:
    """What `problem` says first, for an operator's one line; what kind it is of where it says nothing."""
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)


class Wrong(ValueError):
    """One value is wrong; the text says what is expected."""


@dataclass(frozen=True)
class DatabaseAddress:
    """Where the data is. `engine` is "sqlite" or "postgresql"; for SQLite only `name` (a path) is set."""

    engine: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: int = 0
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class MailServer:
    """An SMTP server. `security` is "none", "starttls" or "tls"."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    security: str


@dataclass(frozen=True)
class Config:
    """Every setting, checked. Field names are the LINTEL_ names in lower case."""

    host: str
    port: int
    public_url: str
    data_dir: Path
    database_url: DatabaseAddress | None
    redis_url: str
    media_host: str
    media_port: int
    media_public_addresses: tuple[str, ...]
    media_tcp_port: int
    turn_urls: tuple[str, ...]
    turn_secret: str
    email_url: MailServer | None
    email_from: str
    tls_cert: Path | None
    tls_key: Path | None
    node_id: str
    metrics_port: int
    organisation: str
    live_meetings_per_account: int
    file_mb: int
    meeting_files_mb: int
    log_format: str
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    outgoing_allow: tuple[str, ...]

    def __repr__(self) -> str:
        """Leaves out passwords and secrets: this may end in a log."""
        return f"<Config {self.public_url} data={self.data_dir}>"

    @property
    def serves_loopback_only(self) -> bool:
        """True when nobody outside this machine can reach the portal: then media stays inside as well."""
        return is_loopback(self.host)

    @property
    def media_stays_inside(self) -> bool:
        """True while the portal is on loopback and no address was named: naming one (behind nginx, say) opens media."""
        return self.serves_loopback_only and not self.media_public_addresses

    @property
    def media_bind(self) -> str:
        return "127.0.0.1" if self.media_stays_inside else self.media_host

    @property
    def media_advertised(self) -> tuple[str, ...]:
        """Addresses that browsers are told to send media to."""
        if self.media_stays_inside:
            return ("127.0.0.1",)
        return self.media_public_addresses or host_addresses(self.media_host)

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that may post forms and open sockets: the public URL, and this machine's names when that's local.

        Never both: on a visitor's machine, localhost is some program of the visitor's.
        """
        found = [self.public_url]
        if self.serves_loopback_only and is_loopback(urlsplit(self.public_url).hostname or ""):
            scheme = "https" if self.tls_cert else "http"
            found += [f"{scheme}://localhost:{self.port}", f"{scheme}://127.0.0.1:{self.port}"]
        return tuple(dict.fromkeys(found))

    @property
    def host_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(urlsplit(origin).hostname or "" for origin in self.origins))


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_addresses(bound: str) -> tuple[str, ...]:
    """IPv4 and IPv6 addresses of this host that others can use; asks the routing table, sends nothing."""
    if bound not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return (bound,)
    found: list[str] = []
    for family, far_away in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        if family == socket.AF_INET6 and bound == "0.0.0.0":  # noqa: S104
            continue
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far_away, 9))  # UDP: only picks the source address
                found.append(probe.getsockname()[0])
        except OSError:
            continue
    return tuple(found) or ("127.0.0.1",)


def _text(value: str) -> str:
    if any(ord(letter) < 32 for letter in value):
        raise Wrong("contains a control character; write it on one line")
    return value


def _number(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
        raise Wrong(f"{value!r} is not a port; use a number from 1 to 65535")
    return int(value)


def _meetings(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", value) or not 1 <= int(value) <= 1000:
        raise Wrong(f"{value!r} is not a number of meetings; use 1 to 1000")
    return int(value)


def _megabytes(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", value) or int(value) > 2000:
        raise Wrong(f"{value!r} is not a number of megabytes; use 0 to 2000")
    return int(value)


def _bind(value: str) -> str:
    if value.lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise Wrong(f"{value!r} is not an IP address; use for example 127.0.0.1 or 0.0.0.0") from None


def _addresses(value: str) -> tuple[str, ...]:
    found: list[str] = []
    for part in filter(None, (piece.strip() for piece in value.split(","))):
        try:
            found.append(str(ipaddress.ip_address(part)))
        except ValueError:
            raise Wrong(f"{part!r} is not an IP address; separate addresses by commas") from None
    return tuple(found)


def _networks(value: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise Wrong("is not a list of networks; use for example 127.0.0.1/32,10.0.0.0/8") from None


def _outgoing(value: str) -> tuple[str, ...]:
    from meetings.outgoing.destinations import WrongDestination, read_allowance

    found = tuple(part.strip() for part in value.split(",") if part.strip())
    for part in found:
        try:
            read_allowance(part)
        except WrongDestination as wrong:
            raise Wrong(f"{part!r} can't be allowed: {wrong.message}") from None
    return found


def _split(value: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError:
        raise Wrong("is not a URL") from None
    if url.scheme not in schemes:
        raise Wrong(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url


def _public_url(value: str) -> str:
    url = _split(value, ("https", "http"))
    name = url.hostname or ""
    if not name or not (_HOST_NAME.fullmatch(name) or ":" in name):
        raise Wrong("has no host name; use for example https://meet.example.org")
    if url.username or url.query or url.fragment or url.path not in ("", "/"):
        raise Wrong("may hold a scheme, a host and a port only, for example https://meet.example.org")
    if url.scheme == "http" and not is_loopback(name):
        raise Wrong("must be https:// unless it is localhost: browsers give cameras to secure pages only")
    default_port = {"https": 443, "http": 80}[url.scheme]
    shown = f"[{name}]" if ":" in name else name
    port = "" if url.port in (None, default_port) else f":{url.port}"
    return f"{url.scheme}://{shown.lower()}{port}"


def _database(value: str) -> DatabaseAddress:
    url = _split(value, ("postgresql", "postgres", "sqlite"))
    if url.scheme == "sqlite":
        path = unquote(url.path)
        if url.netloc or not path.startswith("/") or len(path) < 2:
            raise Wrong("needs an absolute path: sqlite:////srv/lintel/lintel.sqlite3")
        return DatabaseAddress("sqlite", path[1:] if path.startswith("//") else path)
    name = unquote(url.path.lstrip("/"))
    if not name or "/" in name:
        raise Wrong("needs a database name: postgresql://user:password@host:5432/lintel")
    options = tuple(
        (key, unquote(text)) for key, _, text in (pair.partition("=") for pair in url.query.split("&") if pair)
    )
    return DatabaseAddress(
        "postgresql",
        name,
        unquote(url.username or ""),
        unquote(url.password or ""),
        url.hostname or "",
        url.port or 5432,
        options,
    )


def _redis(value: str) -> str:
    url = _split(value, ("redis", "rediss"))
    if not url.hostname:
        raise Wrong("has no host; use for example redis://127.0.0.1:6379/0")
    return value


def _mail(value: str) -> MailServer:
    url = _split(value, ("smtp", "smtps", "smtp+starttls"))
    if not url.hostname or url.path not in ("", "/") or url.query or url.fragment:
        raise Wrong("must look like smtp+starttls://user:password@mail.example.org:587")
    security, port = {"smtp": ("none", 25), "smtps": ("tls", 465), "smtp+starttls": ("starttls", 587)}[url.scheme]
    return MailServer(
        url.hostname, url.port or port, unquote(url.username or ""), unquote(url.password or ""), security
    )


def _sender(value: str) -> str:
    if not re.fullmatch(r"[^\r\n]*<?[^\s<>@]+@[^\s<>@]+>?", value):
        raise Wrong("is not a sender; use for example Lintel <meet@example.org>")
    return value


def _turn_urls(value: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    for part in found:
        if not re.fullmatch(r"turns?:[A-Za-z0-9.\-\[\]:]+(\?transport=(udp|tcp))?", part):
            raise Wrong(f"{part!r} is not a TURN URL; use for example turns:turn.example.org:5349?transport=tcp")
    return found


def _file(value: str) -> Path:
    path = Path(value).expanduser()
    if not path.is_file():
        raise Wrong(f"{value!r} is not a file")
    if not os.access(path, os.R_OK):
        raise Wrong(f"{value!r} can't be read by this user")
    return path.resolve()


def _node(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", value):
        raise Wrong("may hold up to 32 lower case letters, digits and hyphens")
    return value


def _organisation(value: str) -> str:
    if len(_text(value)) > 80:
        raise Wrong("is longer than 80 characters")
    return value


def _log_format(value: str) -> str:
    if value not in ("text", "json"):
        raise Wrong("must be text or json")
    return value


_READERS: dict[str, tuple[Callable[[str], Any], Any]] = {
    "host": (_bind, "127.0.0.1"),
    "port": (_number, 8000),
    "public_url": (_public_url, ""),
    "data_dir": (lambda value: Path(_text(value)).expanduser().resolve(), BASE_DIR / "data"),
    "database_url": (_database, None),
    "redis_url": (_redis, ""),
    "media_host": (_bind, "0.0.0.0"),  # noqa: S104 - the contract's default; loopback servers never use it
    "media_port": (_number, 8801),
    "media_public_addresses": (_addresses, ()),
    "media_tcp_port": (_number, 0),
    "turn_urls": (_turn_urls, ()),
    "turn_secret": (_text, ""),
    "email_url": (_mail, None),
    "email_from": (_sender, ""),
    "tls_cert": (_file, None),
    "tls_key": (_file, None),
    "node_id": (_node, "one"),
    "metrics_port": (_number, 0),
    "organisation": (_organisation, "Lintel"),
    "live_meetings_per_account": (_meetings, 25),
    "file_mb": (_megabytes, 25),
    "meeting_files_mb": (_megabytes, 200),
    "log_format": (_log_format, "text"),
    "trusted_proxies": (_networks, ()),
    "outgoing_allow": (_outgoing, ()),
}


def read_settings_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """NAME=value lines; blank lines and lines that start with # are left out. Returns (values, problems)."""
    values: dict[str, str] = {}
    problems: list[str] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return values, problems
    except (OSError, UnicodeDecodeError):
        return values, [f"{path}: can't be read; it must be a text file that this user may read"]
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _ENV_LINE.fullmatch(text)
        if not match:
            problems.append(f"{path} line {number}: is not NAME=value; write one setting per line")
            continue
        name, value = match.groups()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if not name.startswith(PREFIX):
            problems.append(f"{path} line {number}: {name} is not a setting of Lintel; names start with {PREFIX}")
            continue
        values[name] = value
    return values, problems


def known_settings() -> set[str]:
    """The names that an operator may set."""
    return {PREFIX + name.upper() for name in _READERS}


def _nearest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, sorted(known_settings()), n=1)
    return f"did you mean {close[0]}?" if close else "remove it, or see docs/operations.md for the names"


def read_config(environ: Mapping[str, str]) -> Config:
    """Reads and checks everything. Raises ConfigError with one line per problem."""
    data_reader, data_default = _READERS["data_dir"]
    try:
        data_dir = data_reader(environ["LINTEL_DATA_DIR"]) if environ.get("LINTEL_DATA_DIR") else data_default
    except Wrong as wrong:
        raise ConfigError([f"LINTEL_DATA_DIR: {wrong}"]) from None
    from_file, problems = read_settings_file(data_dir / "settings.env")
    if "LINTEL_DATA_DIR" in from_file:
        problems.append("LINTEL_DATA_DIR: can't be set in settings.env, which lies in it; set it in the environment")
    given = from_file | {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    known = {PREFIX + name.upper(): name for name in _READERS}
    problems += [f"{name}: is not a setting; {_nearest(name)}" for name in sorted(given) if name not in known]
    values: dict[str, Any] = {}
    for setting, name in known.items():
        reader, default = _READERS[name]
        raw = given.get(setting, "").strip()
        try:
            values[name] = reader(raw) if raw else default
        except Wrong as wrong:
            problems.append(f"{setting}: {wrong}")
            values[name] = default
    problems += _contradictions(values)
    if problems:
        raise ConfigError(problems)
    if not values["public_url"]:
        scheme = "https" if values["tls_cert"] else "http"
        values["public_url"] = f"{scheme}://localhost:{values['port']}"
    return Config(**{each.name: values[each.name] for each in fields(Config)})


def _contradictions(values: dict[str, Any]) -> list[str]:
    found = []
    if bool(values["tls_cert"]) != bool(values["tls_key"]):
        missing = "LINTEL_TLS_KEY" if values["tls_cert"] else "LINTEL_TLS_CERT"
        found.append(f"{missing}: is missing; a certificate and its key are given together")
    if bool(values["turn_urls"]) != bool(values["turn_secret"]):
        missing = "LINTEL_TURN_SECRET" if values["turn_urls"] else "LINTEL_TURN_URLS"
        found.append(f"{missing}: is missing; TURN needs both LINTEL_TURN_URLS and LINTEL_TURN_SECRET")
    if not is_loopback(values["host"]) and not values["public_url"]:
        found.append(
            f"LINTEL_PUBLIC_URL: is needed when LINTEL_HOST is {values['host']}; "
            "give the address people type, for example https://meet.example.org"
        )
    if values["tls_cert"] and values["public_url"].startswith("http://"):
        found.append("LINTEL_PUBLIC_URL: must start with https:// when LINTEL_TLS_CERT is given")
    return found
