"""The server process as strangers meet it: slow, greedy, malformed, and told to stop at a bad moment."""

from __future__ import annotations

import http.client
import re
import signal
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from socket import SOCK_DGRAM

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from portal.tests.process import Server, answer_to, free_port, run_manage, with_tables


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "data", LINTEL_METRICS_PORT=str(free_port())) as running:
        yield running


def get(server: Server, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def sign_in(server: Server, address: str, password: str) -> http.client.HTTPResponse:
    """The answer to the form of the sign-in page."""
    csrf = re.search(r"lintel-csrf=(\w+)", get(server, "/sign-in/").headers["Set-Cookie"])[1]  # type: ignore[index]
    form = {"csrfmiddlewaretoken": csrf, "login": address, "password": password}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Cookie": f"lintel-csrf={csrf}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in/", urllib.parse.urlencode(form), headers)
    answer = connection.getresponse()
    connection.close()
    return answer


def raw(server: Server, request: bytes) -> bytes:
    with server.connect() as connection:
        connection.sendall(request)
        return answer_to(connection)


class TestStart:
    def test_the_ready_line_and_the_set_up_link_are_printed(self, server: Server) -> None:
        assert server.wait_for_line("Lintel is ready") == f"Lintel is ready at http://localhost:{server.port}"
        link = server.wait_for_line("Create the first administrator: ").split(": ", 1)[1]
        assert re.fullmatch(rf"http://localhost:{server.port}/setup/[\w-]{{43,}}/", link)
        assert get(server, link.split(str(server.port))[1]).status == 200

    def test_it_is_alive_and_ready(self, server: Server) -> None:
        assert get(server, "/livez").status == 200
        answer = get(server, "/readyz")
        assert answer.status == 200, answer.body  # type: ignore[attr-defined]

    def test_anybody_with_this_code_can_prove_that_it_is_served(self, server: Server, tmp_path: Path) -> None:
        done = run_manage(tmp_path / "auditor", "verify-build", f"http://127.0.0.1:{server.port}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"serves build [0-9a-f]{64}: \d+ files and 2 pages", done.stdout)

    def test_figures_for_a_graph_are_served_on_a_port_of_their_own(self, server: Server) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", int(server.settings["LINTEL_METRICS_PORT"]), timeout=30)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        for line in (
            "lintel_ready 1.0",
            "lintel_media_sessions 0.0",
            'lintel_media_packets_total{direction="out"} 0.0',
            'lintel_media_dropped_total{reason="stranger"} 0.0',
            'lintel_media_wait_seconds_bucket{le="+Inf"} 0.0',
        ):
            assert line in text.splitlines(), line

    def test_secrets_and_data_are_for_the_owner_alone(self, server: Server) -> None:
        assert server.data_dir.stat().st_mode & 0o777 == 0o700
        secrets = list((server.data_dir / "secrets").iterdir())
        assert secrets
        assert all(secret.stat().st_mode & 0o777 == 0o600 for secret in secrets)

    def test_a_second_server_on_the_same_data_is_refused_in_one_line(self, server: Server) -> None:
        done = run_manage(server.data_dir, "serve", LINTEL_PORT=str(free_port()))
        assert done.returncode == 2
        assert re.fullmatch(r"LINTEL_DATA_DIR: \S+ is served by process \d+ already; [^\n]+\n", done.stderr)

    def test_a_port_in_use_is_told_in_one_line(self, server: Server, tmp_path: Path) -> None:
        ports = {"LINTEL_PORT": str(server.port), "LINTEL_MEDIA_PORT": str(free_port(SOCK_DGRAM))}
        done = run_manage(with_tables(tmp_path / "data"), "serve", **ports)
        assert done.returncode == 2
        assert done.stderr == (
            f"LINTEL_PORT: 127.0.0.1:{server.port} is in use; stop the other program or choose another port\n"
        )

    def test_a_media_port_in_use_is_told_in_one_line(self, server: Server, tmp_path: Path) -> None:
        ports = {"LINTEL_PORT": str(free_port()), "LINTEL_MEDIA_PORT": str(server.media_port)}
        done = run_manage(with_tables(tmp_path / "data"), "serve", **ports)
        assert done.returncode == 2
        assert re.fullmatch(r"LINTEL_MEDIA_PORT: UDP 127.0.0.1:\d+ can't be used [^\n]+\n", done.stderr)

    @pytest.mark.parametrize(
        ("settings", "line"),
        [
            ({"LINTEL_PROT": "8000"}, "LINTEL_PROT: is not a setting; did you mean LINTEL_PORT?"),
            ({"LINTEL_PORT": "eighty"}, "LINTEL_PORT: 'eighty' is not a port; use a number from 1 to 65535"),
            (
                {"LINTEL_HOST": "192.0.2.1", "LINTEL_PUBLIC_URL": "https://meet.example.org"},
                "LINTEL_HOST: 192.0.2.1 is not an address of this machine; use 127.0.0.1 or one of its own",
            ),
            (
                {"LINTEL_DATA_DIR": "/dev/null/data"},
                "LINTEL_DATA_DIR: /dev/null/data can't be written (Not a directory); "
                "choose another or change its owner",
            ),
            (
                {"LINTEL_TLS_CERT": "manage.py", "LINTEL_TLS_KEY": "manage.py"},
                re.compile(r"LINTEL_TLS_CERT: \S+ holds no PEM certificate"),
            ),
        ],
    )
    def test_what_cannot_work_stops_the_start_with_one_line(
        self, tmp_path: Path, settings: dict[str, str], line: str | re.Pattern[str]
    ) -> None:
        ports = {
            "LINTEL_PORT": str(free_port()),
            "LINTEL_MEDIA_PORT": str(free_port(SOCK_DGRAM)),
            "LINTEL_MEDIA_PUBLIC_ADDRESSES": "127.0.0.1",
        }
        done = run_manage(with_tables(tmp_path / "data"), "serve", **(ports | settings))
        assert done.returncode == 2, done.stderr
        assert re.fullmatch(line if isinstance(line, re.Pattern) else re.escape(line), done.stderr.rstrip("\n"))
        assert done.stdout == ""


class TestSlowAndGreedy:
    def test_a_header_that_drips_in_is_cut_off_and_others_are_served_meanwhile(self, server: Server) -> None:
        drips = [server.connect() for _ in range(200)]
        deadline = time.monotonic() + 60
        closed = 0
        for drip in drips:
            drip.sendall(b"GET / HTTP/1.1\r\n")
            drip.setblocking(False)
        while time.monotonic() < deadline and closed < len(drips):
            for drip in list(drips):
                if drip.fileno() < 0:
                    continue
                try:
                    drip.send(b"X")
                    gone = drip.recv(1) == b""
                except BlockingIOError:
                    gone = False
                except OSError:
                    gone = True
                if gone:
                    drip.close()
                    closed += 1
            assert get(server, "/livez").status == 200
            time.sleep(0.1)
        assert closed == len(drips)

    def test_a_body_that_never_comes_does_not_hold_others_up(self, server: Server) -> None:
        with server.connect() as waiting:
            waiting.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc")
            assert get(server, "/livez").status == 200

    def test_a_huge_body_is_refused_before_it_is_read(self, server: Server) -> None:
        before = server.rss_bytes
        with server.connect() as connection:
            connection.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 314572800\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
            piece = b"x" * 1_048_576
            try:
                for _ in range(300):
                    connection.sendall(piece)
            except OSError:
                pass  # cut off: just as well
        assert server.rss_bytes - before < 5 * 1_048_576

    def test_a_huge_chunked_body_is_refused_while_it_comes(self, server: Server) -> None:
        before = server.rss_bytes
        with server.connect() as connection:
            connection.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            answer = b""
            try:
                for _ in range(64):
                    connection.sendall(piece)
                answer = connection.recv(100)
            except OSError:
                pass
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert server.rss_bytes - before < 10 * 1_048_576

    def test_expecting_to_continue_with_a_huge_body_is_refused(self, server: Server) -> None:
        with server.connect() as connection:
            connection.sendall(
                b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\n"
                b"Expect: 100-continue\r\nContent-Length: 999999999\r\n\r\n"
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")

    def test_endless_headers_are_refused(self, server: Server) -> None:
        assert raw(server, b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 500 + b"\r\n").startswith(b"HTTP/1.1 400 ")
        assert raw(server, b"GET / HTTP/1.1\r\nX-A: " + b"b" * 100_000).startswith((b"HTTP/1.1 400 ", b""))


SMUGGLED = {
    "two lengths": b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": (
        b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "chunks and length": (
        b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
    ),
    "unknown coding": b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    "folded header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n",
    "bare line feeds": b"GET /livez HTTP/1.1\nHost: localhost\n\r\n\r\n",
    "line feed in a header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: b\nX-B: c\r\n\r\n",
    "space before the colon": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length : 0\r\n\r\n",
    "vertical tab": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-A: b\x0bc\r\n\r\n",
    "no colon": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n",
    "signed length": b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc",
    "bad chunk": (
        b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"
    ),
    "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "two hosts": b"GET /sign-in/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "another host": b"GET /sign-in/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
}


class TestMalformed:
    @pytest.mark.parametrize("name", SMUGGLED)
    def test_a_request_that_two_programs_could_read_differently_is_refused(self, server: Server, name: str) -> None:
        answer = raw(server, SMUGGLED[name])
        assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
        assert answer.count(b"HTTP/1.1 ") == 1

    def test_malformed_requests_leave_no_traceback(self, server: Server) -> None:
        for request in SMUGGLED.values():
            raw(server, request)
        assert "Traceback" not in server.log

    def test_pipelined_requests_are_answered_in_order(self, server: Server) -> None:
        answer = raw(
            server,
            b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"404"]


class TestSockets:
    @pytest.mark.parametrize(
        "origin",
        [
            None,
            "null",
            "https://evil.example",
            "http://localhost",
            "http://localhost:1",
            "https://localhost:{port}",
            "http://sub.localhost:{port}",
            "http://localhost:{port}.evil.example",
            "http://localhost:{port}/",
        ],
    )
    def test_a_socket_of_another_origin_is_refused(self, server: Server, origin: str | None) -> None:
        given = origin.format(port=server.port) if origin else None
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{server.port}/ws/room", origin=given, proxy=None).close()  # type: ignore[arg-type]
        assert refused.value.response.status_code in (400, 403)  # 400: not an origin at all

    @pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
    def test_both_names_of_this_machine_are_let_through(self, server: Server, name: str) -> None:
        origin = f"http://{name}:{server.port}"
        with connect(f"ws://127.0.0.1:{server.port}/ws/room", origin=origin, proxy=None) as socket:  # type: ignore[arg-type]
            assert socket.response is not None
            assert socket.response.status_code == 101

    def test_an_unknown_path_is_refused_without_a_traceback(self, server: Server) -> None:
        with pytest.raises(InvalidStatus):
            connect(
                f"ws://127.0.0.1:{server.port}/ws/elsewhere",
                origin=f"http://localhost:{server.port}",  # type: ignore[arg-type]
                proxy=None,
            ).close()
        assert "Traceback" not in server.log

    @pytest.mark.parametrize(
        ("header", "status"),
        [
            ("Sec-WebSocket-Protocol: \xe9", (400,)),
            ("Sec-WebSocket-Extensions: \xff", (400,)),
            ("Sec-WebSocket-Key: short", (400,)),
            ("Sec-WebSocket-Version: 99", (400,)),
            ("Origin: http://localhost:99999", (400,)),
            ("Origin: \xff\xfe", (400, 403, 500)),
            ("Daphne-Root-Path: /evil", (101,)),
        ],
    )
    def test_a_malformed_handshake_leaves_no_traceback(
        self, server: Server, header: str, status: tuple[int, ...]
    ) -> None:
        headers = {
            "Host": f"localhost:{server.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            "Origin": f"http://localhost:{server.port}",
        }
        name, _, value = header.partition(": ")
        headers[name] = value
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with server.connect() as connection:
            connection.sendall(f"GET /ws/room HTTP/1.1\r\n{lines}\r\n".encode("latin1"))
            answer = connection.recv(4096)
        assert int(answer.split(b" ")[1]) in status, answer
        assert get(server, "/livez").status == 200
        assert "Traceback" not in server.log

    def test_no_client_chooses_the_prefix_of_our_links(self, server: Server) -> None:
        page = get(server, "/sign-in/", **{"Daphne-Root-Path": "/evil", "X-Forwarded-Host": "evil.example"})
        assert page.status == 200
        assert b"evil" not in page.body  # type: ignore[attr-defined]

    def test_a_message_beyond_any_limit_closes_the_socket(self, server: Server) -> None:
        before = server.rss_bytes
        with (
            pytest.raises(ConnectionClosed),
            connect(
                f"ws://127.0.0.1:{server.port}/ws/room",
                origin=f"http://localhost:{server.port}",  # type: ignore[arg-type]
                proxy=None,
            ) as socket,
        ):
            socket.send("x" * (8 * 1_048_576))
            socket.recv(timeout=30)
        assert server.rss_bytes - before < 20 * 1_048_576


class TestStop:
    def test_it_stops_cleanly_with_half_open_connections_and_open_sockets(self, tmp_path: Path) -> None:
        with Server(with_tables(tmp_path / "data")) as server:
            half_open = server.connect()
            half_open.sendall(b"GET / HTTP/1.1\r\nHost:")
            half_body = server.connect()
            half_body.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
            codes: list[int | None] = []

            def wait_for_close() -> None:
                try:
                    while True:
                        room.recv(timeout=20)
                except ConnectionClosed as closed:
                    codes.append(closed.rcvd.code if closed.rcvd else None)

            with connect(
                f"ws://127.0.0.1:{server.port}/ws/room",
                origin=f"http://localhost:{server.port}",  # type: ignore[arg-type]
                proxy=None,
            ) as room:
                reader = threading.Thread(target=wait_for_close)
                reader.start()
                code = server.stop(signal.SIGTERM)
                reader.join(30)
            half_open.close()
            half_body.close()
        assert code == 0, server.log[-3000:]
        assert codes == [1012]
        assert "Traceback" not in server.log

    def test_control_c_stops_it_as_well(self, tmp_path: Path) -> None:
        with Server(with_tables(tmp_path / "data")) as server:
            code = server.stop(signal.SIGINT)
        assert code == 0

    def test_after_a_kill_it_starts_again_with_the_same_secrets(self, tmp_path: Path) -> None:
        with Server(with_tables(tmp_path / "data")) as server:
            secret = (server.data_dir / "secrets" / "django-key").read_text()
            server.process.kill()
            server.process.wait(10)
        created = run_manage(
            tmp_path / "data",
            "createperson",
            "a@example.org",
            "--name",
            "A",
            "--password-stdin",
            stdin="correct horse\n",
        )
        assert created.returncode == 0, created.stderr
        with Server(tmp_path / "data") as again:
            assert (again.data_dir / "secrets" / "django-key").read_text() == secret
            assert get(again, "/livez").status == 200
            assert sign_in(again, "a@example.org", "correct house").status == 200
            assert sign_in(again, "a@example.org", "correct horse").headers["Location"] == "/meetings/"
            # An account exists now: no link that makes an administrator.
            assert not any("administrator" in line for line in again.lines)


class TestLog:
    def test_the_log_holds_no_secret_link_and_no_query(self, server: Server) -> None:
        get(server, "/i/very-secret-token?also=secret-query")
        get(server, "/setup/very-secret-token/?also=secret-query")
        get(server, "/password/reset/key/abc-very-secret-token/")
        deadline = time.monotonic() + 30
        while server.log.count("/setup/[secret]") < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "secret-token" not in server.log
        assert "secret-query" not in server.log
        assert "path=/i/[secret]" in server.log
