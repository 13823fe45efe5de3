"""Neither a client that doesn't read nor one that never stops sending fills the server's memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from portal.tests.process import Server, with_tables


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = with_tables(tmp_path_factory.mktemp("flooding") / "data")
    with Server(data_dir, program=["portal/tests/flooding_server.py"]) as running:
        wait_until_loaded(running)
        yield running


def wait_until_loaded(server: Server) -> None:
    """Pages are loaded after the ready line; until then memory grows by what nobody sent."""
    deadline = time.monotonic() + 30
    before, since = server.rss_bytes, time.monotonic()
    while time.monotonic() - since < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        if abs(server.rss_bytes - before) > 1_048_576:
            before, since = server.rss_bytes, time.monotonic()


def test_a_client_that_does_not_read_is_cut_off(server: Server) -> None:
    before = server.rss_bytes
    with connect(f"ws://127.0.0.1:{server.port}/flood", proxy=None, max_queue=1, max_size=None) as socket:
        deadline = time.monotonic() + 20
        while "too slow" not in server.log and time.monotonic() < deadline:
            assert server.rss_bytes - before < 12 * 1_048_576
            time.sleep(0.02)
        with pytest.raises(ConnectionClosed):
            for _ in range(3200):
                socket.recv(timeout=30)
    assert "socket too slow" in server.log
    assert server.rss_bytes - before < 12 * 1_048_576


def test_a_client_that_never_stops_sending_is_held_back(server: Server) -> None:
    before = server.rss_bytes
    with connect(f"ws://127.0.0.1:{server.port}/sleep", proxy=None, ping_interval=None) as socket:
        socket.socket.settimeout(3)
        sent = 0
        with pytest.raises((TimeoutError, ConnectionClosed)):
            for _ in range(2000):
                socket.send("x" * 100_000)
                sent += 100_000
        assert sent < 60_000_000
    assert server.rss_bytes - before < 30 * 1_048_576
