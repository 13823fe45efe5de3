"""Networks as they are stored: truncated, so that they tell apart without pointing at a household."""

from __future__ import annotations

import ipaddress

PREFIX = {4: 24, 6: 48}


def truncate_network(address: str) -> str:
    """The /24 or /48 of an address, "" for what is none: "203.0.113.0/24"."""
    try:
        ip = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, PREFIX[ip.version]), strict=False))
