"""The parts of the guards that need no socket: budgets, and who the client is behind a proxy."""

from __future__ import annotations

import asyncio
import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.protocol import Factory, Protocol

from portal.guards import AddressLimit, Inbox, Limits, SendBudget, among, behind_proxy

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("127.0.0.1/32"))


def scope(client: str, *headers: tuple[str, str], kind: str = "http") -> dict[str, Any]:
    return {
        "type": kind,
        "scheme": "http" if kind == "http" else "ws",
        "client": [client, 5000],
        "headers": [(name.encode(), value.encode("latin1")) for name, value in headers],
    }


def test_a_stranger_cannot_say_who_they_are() -> None:
    seen = behind_proxy(
        scope(
            "203.0.113.5", ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("x-real-ip", "1.2.3.4")
        ),
        PROXIES,
    )
    assert seen["client"] == ["203.0.113.5", 5000]
    assert seen["scheme"] == "http"
    assert seen["headers"] == []


def test_a_trusted_proxy_says_who_the_client_is() -> None:
    seen = behind_proxy(
        scope("10.0.0.2", ("x-forwarded-for", "203.0.113.5"), ("x-forwarded-proto", "https"), ("host", "x")), PROXIES
    )
    assert seen["client"] == ["203.0.113.5", 0]
    assert seen["scheme"] == "https"
    assert seen["headers"] == [(b"host", b"x")]


def test_sockets_behind_a_proxy_are_secure_when_it_says_so() -> None:
    seen = behind_proxy(scope("10.0.0.2", ("x-forwarded-proto", "https"), kind="websocket"), PROXIES)
    assert seen["scheme"] == "wss"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["6.6.6.6, 203.0.113.5"], "203.0.113.5"),
        (["6.6.6.6, 203.0.113.5, 10.1.1.1"], "203.0.113.5"),
        (["6.6.6.6", "203.0.113.5, 10.1.1.1"], "203.0.113.5"),
        (["2001:db8::7"], "2001:db8::7"),
        (["unknown"], "10.0.0.2"),
        (["203.0.113.5, nonsense"], "10.0.0.2"),
        ([""], "10.0.0.2"),
        (["10.9.9.9"], "10.0.0.2"),
    ],
)
def test_only_what_the_nearest_proxy_saw_counts(forwarded: list[str], client: str) -> None:
    seen = behind_proxy(scope("10.0.0.2", *[("x-forwarded-for", value) for value in forwarded]), PROXIES)
    assert seen["client"][0] == client


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60), st.sampled_from(["10.0.0.2", "203.0.113.5"]))
def test_the_client_is_always_an_address(forwarded: str, peer: str) -> None:
    seen = behind_proxy(scope(peer, ("x-forwarded-for", forwarded), ("x-forwarded-proto", forwarded)), PROXIES)
    ipaddress.ip_address(seen["client"][0])
    assert seen["scheme"] in ("http", "https")
    if peer == "203.0.113.5":
        assert seen["client"][0] == peer


def test_an_address_in_ipv6_clothes_is_recognised() -> None:
    assert among("::ffff:10.0.0.1", PROXIES)
    assert not among("::ffff:11.0.0.1", PROXIES)
    assert not among("", PROXIES)


def test_a_reader_that_keeps_up_has_no_budget_to_exceed() -> None:
    budget = SendBudget()
    assert all(budget.spend(1_000_000) == 0 for _ in range(100))


def test_what_waits_behind_a_full_buffer_is_counted_until_it_drains() -> None:
    budget = SendBudget()
    budget.pauseProducing()
    assert budget.spend(600_000) == 600_000
    assert budget.spend(600_000) == 1_200_000
    budget.resumeProducing()
    assert budget.spend(600_000) == 0


def test_the_sender_is_read_again_once_the_inbox_is_empty() -> None:
    async def scene() -> list[int]:
        relieved: list[int] = []
        inbox = Inbox()
        inbox.relieved = lambda: relieved.append(inbox.qsize())
        for number in range(3):
            inbox.put_nowait({"number": number})
        await inbox.get()
        await inbox.get()
        assert relieved == []
        await inbox.get()
        return relieved

    assert asyncio.run(scene()) == [0]


def test_connections_of_one_ipv6_network_are_counted_together() -> None:
    def address(host: str) -> Any:
        return SimpleNamespace(host=host)

    limit = AddressLimit(Factory.forProtocol(Protocol), Limits(connections_per_address=1), lambda host: False)
    first = limit.buildProtocol(address("2001:db8:1:2::1"))
    first.makeConnection(SimpleNamespace(getPeer=lambda: address("2001:db8:1:2::1")))
    assert limit.buildProtocol(address("2001:db8:1:2:ffff::9")) is None
    assert limit.buildProtocol(address("2001:db8:1:3::1")) is not None
