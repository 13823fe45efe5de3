"""Passes for a TURN server: what is in them, and who gets one."""

import base64
import hashlib
import hmac
from pathlib import Path

from meetings.live.relays import PASS_SECONDS, Relays
from meetings.tests.live_case import Browser, LiveCase, running_live

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "coturn.conf"
URLS = ("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:5349?transport=tcp")


def test_a_pass_is_what_coturn_expects_and_ends_within_five_minutes() -> None:
    (server,) = Relays(URLS, "four words of secret").servers_for("seat-7", 1_790_000_000.9)
    assert server["urls"] == list(URLS)
    ends, seat = server["username"].split(":")
    assert (int(ends), seat) == (1_790_000_300, "seat-7")
    assert PASS_SECONDS <= 300
    digest = hmac.new(b"four words of secret", server["username"].encode(), hashlib.sha1).digest()
    assert server["credential"] == base64.b64encode(digest).decode()


def test_without_a_server_there_is_no_pass_and_the_secret_is_in_no_log() -> None:
    assert Relays().servers_for("seat-7", 1_790_000_000.0) == []
    assert "four words" not in repr(Relays(URLS, "four words of secret"))


def test_our_file_for_coturn_leads_nowhere_but_to_an_address_that_the_operator_names() -> None:
    """Rules that allow go before those that deny; what a pass leads to is tried in tests/test_turn_server.py."""
    rules = [line for line in CONFIGURATION.read_text().splitlines() if "-peer-ip=" in line and line[0] != "#"]
    assert [rule for rule in rules if rule.startswith("denied-peer-ip=")] == [
        "denied-peer-ip=0.0.0.0-255.255.255.255",
        "denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]
    (allowed,) = (rule for rule in rules if rule.startswith("allowed-peer-ip="))
    assert allowed.partition("=")[2].startswith("CHANGE-ME-")


class RelayTests(LiveCase):
    async def test_people_inside_get_passes_of_their_own_and_people_at_the_door_none(self) -> None:
        async with running_live() as live:
            live.relays = Relays(URLS, "four words of secret")
            host = await self.host_inside(live)
            (server,) = (await host.ask("media.start", fresh=True))["ice_servers"]
            (seat,) = live.rooms[self.id].inside()
            self.assertTrue(server["username"].endswith(f":{seat.id}"))
            waiting = await Browser(live, network="192.0.2.7").join(self.code, "Peter")
            refused = await waiting.ask("media.start", fresh=True)
            self.assertEqual(refused["type"], "error")
            self.assertNotIn("ice_servers", str(refused))
