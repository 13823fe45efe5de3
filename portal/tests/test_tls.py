"""With a certificate the portal speaks TLS 1.2 and 1.3; with a bad one it doesn't start, and says why."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

import pytest
from websockets.sync.client import connect

from portal.config import ConfigError
from portal.tests.certificates import make_certificate
from portal.tests.process import Server, with_tables
from portal.tls import context_factory


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_pages_and_sockets_are_served_over_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    data_dir = with_tables(tmp_path / "data")
    with Server(data_dir, LINTEL_TLS_CERT=str(certificate), LINTEL_TLS_KEY=str(key)) as server:
        assert server.wait_for_line("Lintel is ready") == f"Lintel is ready at https://localhost:{server.port}"
        context = trusting(certificate)
        page = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=30)
        page.request("GET", "/sign-in/")
        answer = page.getresponse()
        answer.read()
        page.close()
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-lintel-csrf=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        with connect(
            f"wss://localhost:{server.port}/ws/room",
            ssl=context,
            origin=f"https://localhost:{server.port}",  # type: ignore[arg-type]
            proxy=None,
        ) as room:
            assert room.response is not None
            assert room.response.status_code == 101
        offering = trusting(certificate)
        offering.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain,
            offering.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
            assert secure.selected_alpn_protocol() == "http/1.1"
        old = trusting(certificate)
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(plain, server_hostname="localhost")
        code = server.stop()
    assert code == 0


@pytest.mark.parametrize(
    ("begins_days", "ends_days", "words"), [(-30, -1, "expired on"), (1, 30, "check this machine's clock")]
)
def test_a_certificate_outside_its_time_is_refused(
    tmp_path: Path, begins_days: int, ends_days: int, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        context_factory(*make_certificate(tmp_path, begins_days=begins_days, ends_days=ends_days))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path, name="one")
    _, key = make_certificate(tmp_path, name="two")
    with pytest.raises(ConfigError, match=r"LINTEL_TLS_KEY: .* does not belong"):
        context_factory(certificate, key)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    with pytest.raises(ConfigError, match=r"LINTEL_TLS_KEY: .* is not an unencrypted PEM key"):
        context_factory(certificate, certificate)
