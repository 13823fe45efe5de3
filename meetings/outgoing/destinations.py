"""Where this server may be made to send a request: how an address is read, and which ones are refused. Pure.

Strict instead of clever: what two parsers could read differently is refused, so that nothing depends on which of them
connects later. An administrator may allow names and networks of their own; some addresses are never allowed, because
nobody's service lives there and a machine's own secrets do.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL: Final = 2048
MOST_ALLOWANCES: Final = 50
DEFAULT_PORT: Final = {"https": 443, "http": 80}
WIDEST_PREFIX: Final = {4: 8, 6: 7}

_URL = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?P<query>\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*", re.ASCII
)
# A last label that a C library would read as a number makes the whole name an address: 127.1, 0x7f.1, 017700000001.
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)", re.ASCII)

NEVER: Final[tuple[IPNetwork, ...]] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # "this host": Linux connects to itself
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "168.63.129.16/32",  # Azure's agent; looks like anybody's address
        "100.100.100.200/32",  # Alibaba's metadata
        "192.0.0.0/24",  # IETF assignments, and Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",  # multicast
        "fd00:ec2::254/128",  # AWS metadata
        "fd20:ce::254/128",  # Google's metadata
        "2001::/32",  # Teredo: an IPv4 address inside, reached through a stranger
        "2002::/16",  # 6to4: the same
    )
)
"""No allowance opens these."""

_GLOBAL_IPV6: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class WrongDestination(ValueError):
    """What was typed can't be used. `code` is stable; the text is for people and repeats nothing secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked URL. `host` is a lower-case name, or an address without brackets; `path` begins with a slash and holds
    the query too.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port as they are written, the default port left out."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """What stands in the `Host` header (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> IPAddress | None:
        """The host where it is an address and no name."""
        return _address(self.host)

    def below(self, endpoint: str) -> Destination:
        """The same place with `endpoint` (it begins with a slash) after its path; a query is refused on reading."""
        return Destination(self.scheme, self.host, self.port, self.path.rstrip("/") + endpoint)

    def __str__(self) -> str:
        return self.origin + self.path


def read_destination(text: str, *, base: bool = False) -> Destination:
    """The URL in `text`. Raises `WrongDestination` for what is none, or could be read in two ways.

    `base`: something is put behind its path later, so it may have no query. Says nothing about whether the place may be
    asked: `Allowances` does.
    """
    if len(text) > LONGEST_URL:
        raise WrongDestination("too_long", f"A URL has at most {LONGEST_URL} characters.")
    if "@" in text.split("//", 1)[-1].split("/", 1)[0]:
        raise WrongDestination("userinfo", "Leave out the name and password before the @.")
    found = _URL.fullmatch(text)
    if found is None or _BAD_ESCAPE.search(text):
        raise WrongDestination("not_a_url", "This is not a URL such as https://auth.example.org/lintel.")
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORT:
        raise WrongDestination("scheme", "The URL must start with https://.")
    port = int(found["port"]) if found["port"] else DEFAULT_PORT[scheme]
    if not 1 <= port <= 65535:
        raise WrongDestination("port", "A port is a number from 1 to 65535.")
    if base and found["query"]:
        raise WrongDestination("query", "Leave out the ? and what follows it.")
    path = (found["path"] or "/") + (found["query"] or "")
    if any(part in {".", ".."} for part in re.split(r"[/?]", path.replace("%2e", ".").replace("%2E", "."))):
        raise WrongDestination("dots", "Leave out . and .. in the path.")
    return Destination(scheme, _host(found["host"]), port, path)


def _host(written: str) -> str:
    if written.startswith("["):
        address = _address(written[1:-1])
        if address is None or address.version != 6:
            raise WrongDestination("host", "In square brackets stands an IPv6 address.")
        return str(address)
    name = written.lower()
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        address = _address(name)
        if address is None or str(address) != name:
            raise WrongDestination("host", "Write an IPv4 address as four decimal numbers, such as 192.0.2.7.")
        return name
    if not _NAME.fullmatch(name):
        raise WrongDestination("host", "This is not the name of a host.")
    return name


def _address(text: str) -> IPAddress | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address if getattr(address, "scope_id", None) is None else None


def plain(address: IPAddress) -> IPAddress:
    """The address that a packet would go to: IPv4 written as IPv6 (::ffff:127.0.0.1) is IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class Allowances:
    """What an administrator allows beside the public internet.

    networks: addresses that may be asked although they are not public. names: hosts that may resolve to such addresses.
    origins: `http://…` places that may be asked without TLS, at whatever address. discreet: whoever named the place may
    not learn from the refusal which names there are inside, and where they lead.
    """

    networks: tuple[IPNetwork, ...] = ()
    names: frozenset[str] = frozenset()
    origins: frozenset[str] = field(default_factory=frozenset)
    discreet: bool = False

    def __add__(self, other: Allowances) -> Allowances:
        return Allowances(
            self.networks + other.networks,
            self.names | other.names,
            self.origins | other.origins,
            self.discreet or other.discreet,
        )

    def nowhere(self, host: str) -> str:
        """Why a name can't be asked that leads nowhere; where `discreet`, the same as if it led inside."""
        return f"{host} leads to no public address." if self.discreet else f"There is no address for {host}."

    def why_not(self, destination: Destination) -> str:
        """Why this place can't be asked at all, or "". Names are judged again by the addresses that they lead to."""
        if destination.scheme == "http" and destination.origin not in self.origins:
            return "Only https:// is allowed, unless an administrator allows this very http:// address."
        address = destination.address
        return self.why_not_address(destination, address) if address is not None else ""

    def why_not_address(self, destination: Destination, address: IPAddress) -> str:
        """Why no packet may be sent to `address` for this destination, or ""."""
        why = self._why_not(destination, plain(address))
        return self.nowhere(destination.host) if why and self.discreet and destination.address is None else why

    def _why_not(self, destination: Destination, inner: IPAddress) -> str:
        if any(inner in network for network in NEVER if network.version == inner.version):
            return f"{destination.host} leads to {inner}, which is never asked."
        if destination.host in self.names or destination.origin in self.origins:
            return ""
        if any(inner in network for network in self.networks if network.version == inner.version):
            return ""
        if _is_public(inner):
            return ""
        return f"{destination.host} leads to {inner}, which is not a public address."


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global
    if address in _NAT64:
        # An IPv6-only host reaches IPv4 through its own translator: what counts is the address behind it.
        behind = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return behind.is_global and not any(behind in network for network in NEVER if network.version == 4)
    # ISATAP (RFC 5214) hides an IPv4 address in the lower half.
    isatap = int(address) >> 32 & 0xFDFFFFFF == 0x00005EFE
    return address in _GLOBAL_IPV6 and address.is_global and not isatap


def read_allowance(text: str) -> Allowances:
    """One allowance: a network (10.0.0.0/8), an address, a host's name, or an `http://` origin.

    Raises `WrongDestination`.
    """
    text = text.strip()
    if "://" in text:
        origin = read_destination(text)
        if origin.scheme != "http" or origin.path != "/":
            raise WrongDestination(
                "origin", "Write a network, a name, or an address without TLS such as http://127.0.0.1:9000."
            )
        _refuse_never(origin.address)
        return Allowances(origins=frozenset({origin.origin}))
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        network = None
    if network is not None:
        if any(network.version == never.version and network.subnet_of(never) for never in NEVER):  # type: ignore[arg-type]
            raise WrongDestination("never", "These addresses are never asked.")
        if network.prefixlen < WIDEST_PREFIX[network.version]:
            raise WrongDestination("too_wide", "This network is too wide. Name the one that the service is in.")
        return Allowances(networks=(network,))
    if "/" in text:
        raise WrongDestination("network", "This is not a network such as 10.20.0.0/16.")
    host = _host(text)
    if host == "localhost" or "." in host:
        return Allowances(names=frozenset({host}))
    raise WrongDestination("host", "Write the whole name of the host, such as auth.example.org.")


def _refuse_never(address: IPAddress | None) -> None:
    if address is not None and any(plain(address) in network for network in NEVER):
        raise WrongDestination("never", "These addresses are never asked.")


def read_allowances(texts: Iterable[str]) -> Allowances:
    """All of them together. Raises `WrongDestination` for the first that can't be read."""
    found = Allowances()
    for text in texts:
        found += read_allowance(text)
    return found
