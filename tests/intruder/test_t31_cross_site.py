"""T31: another site's page that uses a visitor's cookies."""

from __future__ import annotations

from websockets.exceptions import InvalidStatus

from tests.intruder.case import HOST, IntruderCase


class T31CrossSite(IntruderCase):
    async def test_a_socket_needs_this_origin(self) -> None:
        """Guard: `OriginRequired` in the portal's socket stack."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        ticket = (await client.arrive(meeting["code"], "Peter")).json["ticket"]
        for origin in (None, "http://evil.example", "null", client.base + ".evil.example", client.base + "0"):
            with self.assertRaises(InvalidStatus):
                await client.open_socket(origin=origin)
        socket = await client.open_socket()
        self.sockets.append(socket)
        await socket.send("hello", protocol=1, ticket=ticket)
        await socket.message("door")

    async def test_arriving_needs_this_origin_and_a_csrf_token(self) -> None:
        """Guard: `_check_origin` and `_check_csrf` in `views.asking`."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        path = f"/m/{meeting['code']}/arrive"
        body = {"name": "Peter", "device": client.device.jwk, "proof": client.device.prove(meeting["code"])}
        for headers, code in (
            ({"Origin": ""}, "origin"),
            ({"Origin": "http://evil.example"}, "origin"),
            ({"Origin": "null"}, "origin"),
            ({"X_CSRFToken": ""}, "csrf"),
            ({"X_CSRFToken": "x" * 64}, "csrf"),
        ):
            answer = await client.post(path, body, **headers)
            self.assertEqual((answer.status, answer.json["code"]), (403, code))
