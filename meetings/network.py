"""Networks as they are stored, truncated so that they tell apart without pointing at a household; and as they are
counted while budgets run, which is finer and forgotten with the process.
"""

from __future__ import annotations

import ipaddress

PREFIX = {4: 24, 6: 48}


def truncate_network(address: str) -> str:
    """The /24 or /48 of an address, "" for what is none: "203.0.113.0/24"."""
    ip = _read(address)
    return "" if ip is None else str(ipaddress.ip_network((ip, PREFIX[ip.version]), strict=False))


def _read(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def source_of(address: str) -> str:
    """Whose tries are counted together: the address of IPv4, the /64 of IPv6, of which one household has all.

    What is no address counts as one source of its own.
    """
    ip = _read(address)
    if ip is None:
        return "unknown"
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


def site_of(source: str) -> str:
    """The /48 that an IPv6 address, or a source, is in, which is what one customer usually gets; "" for every other."""
    ip = _read(source.partition("/")[0])
    return "" if ip is None or ip.version == 4 else str(ipaddress.ip_network((ip, 48), strict=False))
