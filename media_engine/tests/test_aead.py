"""What encrypts in C does to the byte what libsrtp does, refuses what that refuses, and takes nothing else."""

from __future__ import annotations

import ctypes
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pylibsrtp
import pytest

from media_engine import native
from media_engine import srtp as srtp_module
from media_engine.native import Memory
from media_engine.srtp import RECEIVED_WINDOW, SENT_WINDOW, AeadSrtp, InPlaceSrtp, PublicSrtp, session_keys, srtp_pair
from media_engine.tests.in_c import build, in_c
from media_engine.tests.interpreted import interpreted

pytestmark = [interpreted, *in_c]

GCM = "SRTP_AEAD_AES_128_GCM"
MASTER = bytes(range(28))


@pytest.fixture(scope="module")
def aead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    module = native.bind_cipher(build("aead", tmp_path_factory.mktemp("aead")))
    with patch.object(native, "aead", module):
        yield module


def session(way: int, master: bytes = MASTER) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=master, ssrc_type=way, srtp_profile=pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    is_sent = way == pylibsrtp.Policy.SSRC_ANY_OUTBOUND
    policy.allow_repeat_tx, policy.window_size = is_sent, SENT_WINDOW if is_sent else RECEIVED_WINDOW
    return pylibsrtp.Session(policy)


def pairs() -> tuple[AeadSrtp, InPlaceSrtp]:
    """One that encrypts in C, and one that has libsrtp do it, with the same keys."""
    inbound, outbound = pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND
    ours = srtp_pair(session(inbound), session(outbound), GCM, MASTER, MASTER)
    assert isinstance(ours, AeadSrtp)
    return ours, InPlaceSrtp(session(inbound), session(outbound), GCM)


def packet(number: int, ssrc: int, payload: bytes, *, sources: int = 0, extension: bytes = b"") -> bytes:
    head = struct.pack("!BBHII", 0x80 | sources | (0x10 if extension else 0), 96, number & 0xFFFF, 7, ssrc)
    block = struct.pack("!HH", 0xBEDE, len(extension) // 4) + extension if extension else b""
    return head + bytes(4 * sources) + block + payload


def protected(srtp: InPlaceSrtp, memory: Memory, plain: bytes) -> bytes:
    """Empty where it was refused."""
    memory.view[: len(plain)] = plain
    size = srtp.protect(memory.place, len(plain))
    return bytes(memory.view[:size])


def opened(srtp: InPlaceSrtp, memory: Memory, datagram: bytes | bytearray) -> bytes:
    """Empty where it was refused."""
    memory.view[: len(datagram)] = datagram
    return bytes(memory.view[: srtp.unprotect(memory.place, len(datagram))])


def test_session_keys_are_those_of_the_rfc() -> None:
    """RFC 3711, appendix B.3."""
    master = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
    key, salt = session_keys(master, (0, 16), (2, 14))
    assert key.hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert salt.hex() == "30cbbc08863d8c85d49db34a9ae1"


def test_a_packet_is_encrypted_as_in_the_rfc(aead: Any) -> None:
    """RFC 7714, section 16.1.1. There the keys are those of the session."""
    context = aead.Context(bytes(range(16)), b"Quid pro quo")
    memory, length = Memory(200), ctypes.c_int()
    plain = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
    memory.view[: len(plain)] = plain
    length.value = len(plain)
    protect = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(aead.PROTECT)
    assert protect(context.address, memory.address, ctypes.addressof(length)) == 0
    assert bytes(memory.view[12 : length.value]).hex() == (
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"
    )


@pytest.mark.usefixtures("aead")
def test_histories_are_those_of_libsrtp() -> None:
    """Numbers that wrap, come late, again or too late; many SSRCs; headers of all kinds."""
    refused = turns = 0
    for seed in range(40):
        chance, (ours, theirs), memory = random.Random(seed), pairs(), Memory(2048)
        newest = {chance.randrange(1 << 32): chance.randrange(0x8000) for _ in range(chance.choice((1, 3, 40)))}
        for _ in range(600):
            ssrc = chance.choice(list(newest))
            step = chance.choice((1, 1, 1, 2, 0, -1, -255, -256, -300, 900, 0x7FFF))
            number = newest[ssrc] + step
            if number < 0:
                continue
            plain = packet(
                number,
                ssrc,
                chance.randbytes(chance.choice((0, 1, 100, 1_200))),
                sources=chance.choice((0, 0, 0, 2, 15)),
                extension=chance.randbytes(chance.choice((0, 4, 8, 40))),
            )
            made = protected(ours, memory, plain)
            assert made == protected(theirs, memory, plain), (seed, number)
            refused += not made
            turns += number >> 16 > newest[ssrc] >> 16
            newest[ssrc] = max(number, newest[ssrc])
    assert refused > 500
    assert turns > 500


@pytest.mark.usefixtures("aead")
def test_what_is_received_is_taken_and_refused_as_by_libsrtp() -> None:
    """In order, late, too late, again, forged in every part, cut off, and across turns of the counter."""
    taken = refused = 0
    for seed in range(30):
        chance, (ours, theirs), memory = random.Random(seed), pairs(), Memory(2048)
        ssrcs = [chance.randrange(1 << 32) for _ in range(chance.choice((1, 2, 30)))]
        newest = {ssrc: chance.randrange(0x8000) for ssrc in ssrcs}
        senders = {ssrc: pairs()[1] for ssrc in ssrcs}
        kept: list[bytes] = []
        for _ in range(500):
            ssrc = chance.choice(ssrcs)
            newest[ssrc] += chance.choice((*[1] * 20, 2, 2, 200, 1_023, 1_024, 5_000, 0x7F00))
            plain = packet(
                newest[ssrc],
                ssrc,
                chance.randbytes(chance.choice((0, 1, 100, 1_200))),
                sources=chance.choice((0, 0, 0, 2, 15)),
                extension=chance.randbytes(chance.choice((0, 4, 8, 40))),
            )
            kept.append(protected(senders[ssrc], memory, plain))
            some = chance.choice((kept[-1:], kept[-1:], kept[-8:], kept))
            for datagram in chance.sample(some, min(len(some), chance.choice((0, *[1] * 9, 4)))):
                came = bytearray(datagram)
                if chance.random() < 0.2:
                    came[chance.randrange(len(came))] ^= 1 << chance.randrange(8)
                elif chance.random() < 0.05:
                    del came[chance.randrange(len(came)) :]
                made = [opened(pair, memory, came) for pair in (ours, theirs)]
                assert made[0] == made[1], seed
                taken, refused = taken + bool(made[0]), refused + (not made[0])
    assert taken > 3_000
    assert refused > 2_000


@pytest.mark.usefixtures("aead")
def test_what_is_forged_moves_no_window_and_takes_no_memory(aead: Any) -> None:
    """Else a stranger's packet with a number far ahead would have those refused that are the peer's."""
    ours, theirs = pairs()
    memory = Memory(200)
    first, *sealed = [protected(theirs, memory, packet(number, 5, b"sound")) for number in (10, 11, 12, 13)]
    assert opened(ours, memory, first)
    for forged in (packet(30_000, 5, bytes(30)), packet(12, 5, bytes(30)), packet(60_000, 7, bytes(30))):
        assert opened(ours, memory, forged) == b""
    assert [opened(ours, memory, datagram)[12:] for datagram in (sealed[0], sealed[2], sealed[1])] == [b"sound"] * 3
    assert [opened(ours, memory, datagram) for datagram in (first, *sealed)] == [b""] * 4


@pytest.mark.usefixtures("aead")
def test_what_is_no_packet_is_refused_and_nothing_written() -> None:
    ours, _ = pairs()
    memory = Memory(200)
    for plain in (
        b"",
        packet(1, 2, b"")[:11],
        packet(1, 2, b"", sources=1)[:15],
        packet(1, 2, b"", extension=b"abcd")[:19],
        packet(1, 2, b"", extension=b"abcd")[:14],
        packet(1, 2, b"x", extension=b"abcd")[:14] + b"\xff\xff" + bytes(20),
    ):
        memory.view[:] = bytes(range(200))
        memory.view[: len(plain)] = plain
        before = bytes(memory.view)
        assert ours.protect(memory.place, len(plain)) == 0
        assert ours.unprotect(memory.place, len(plain)) == 0
        assert ours.unprotect(memory.place, len(plain) + 16 if len(plain) < 30 else len(plain)) == 0
        assert bytes(memory.view) == before


@pytest.mark.usefixtures("aead")
def test_an_ssrc_that_is_forgotten_begins_anew_and_the_others_go_on() -> None:
    ours, theirs = pairs()
    memory = Memory(200)
    for ssrc in (5, 6, 7):
        for number in (0x7000, 0xF000, 0x10010):
            assert protected(ours, memory, packet(number, ssrc, b"a")) == protected(
                theirs, memory, packet(number, ssrc, b"a")
            )
    for pair in (ours, theirs):
        pair.retire((5, 99))
    for ssrc in (5, 6, 7):
        again = packet(0x10011, ssrc, b"b")
        assert protected(ours, memory, again) == protected(theirs, memory, again)


@pytest.mark.usefixtures("aead")
def test_what_comes_and_reports_are_decrypted_as_before() -> None:
    ours, theirs = pairs()
    memory, report = Memory(200), struct.pack("!BBHII", 0x81, 201, 1, 5, 0)
    plain = packet(9, 5, b"sound")
    assert len(protected(ours, memory, plain)) == len(plain) + ours.overhead
    assert theirs.unprotect(memory.place, len(plain) + ours.overhead) == len(plain)
    assert bytes(memory.view[: len(plain)]) == plain
    assert opened(ours, memory, protected(theirs, memory, plain)) == plain
    sealed = ours.protect_rtcp(report)
    memory.view[: len(sealed)] = sealed
    assert theirs.unprotect_rtcp(memory.place, len(sealed)) == len(report)


@pytest.mark.usefixtures("aead")
def test_what_the_loops_in_c_send_and_what_python_sends_is_counted_once() -> None:
    """A rollover counter of each one's own would have a nonce used twice."""
    ours, theirs = pairs()
    memory, length = Memory(200), ctypes.c_int()
    by_loop = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(ours.protector)
    for number in range(0x7000, 0x30000, 0x7000):
        plain = packet(number, 5, b"sound")
        if number & 0x10000:
            made = protected(ours, memory, plain)
        else:
            memory.view[: len(plain)] = plain
            length.value = len(plain)
            assert by_loop(ours.context, memory.address, ctypes.addressof(length)) == 0
            made = bytes(memory.view[: length.value])
        assert made == protected(theirs, memory, plain), number


@pytest.mark.usefixtures("aead")
def test_another_cipher_is_left_to_libsrtp() -> None:
    """Browsers that want no GCM get what they want."""
    inbound, outbound = pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND
    pair = srtp_pair(session(inbound), session(outbound), "SRTP_AES128_CM_SHA1_80", bytes(30), bytes(30))
    assert type(pair) is InPlaceSrtp


def test_it_takes_no_key_of_another_length_and_no_function_that_is_nowhere(aead: Any) -> None:
    for key, salt in ((bytes(15), bytes(12)), (bytes(16), bytes(14)), (bytes(32), bytes(12))):
        with pytest.raises(ValueError, match="16 bytes"):
            aead.Context(key, salt)
    with pytest.raises(ValueError, match="nowhere"):
        aead.bind(*(0 for _ in native.CIPHER_FUNCTIONS))
    with pytest.raises(TypeError, match="number of functions"):
        aead.bind(1)


def test_its_memory_is_not_python_s(tmp_path: Path) -> None:
    """It is called without the interpreter, so Python's own allocator, which looks for that here, would stop it."""
    script = f"""
from pathlib import Path
from media_engine.native import Memory
from media_engine.tests import test_aead as aead
aead.native.aead = aead.native.bind_cipher(aead.build("aead", Path({str(tmp_path)!r})))
(ours, _), memory = aead.pairs(), Memory(200)
for ssrc in range(40):
    assert aead.opened(ours, memory, aead.protected(ours, memory, aead.packet(1, ssrc, b"sound")))
ours.retire(range(40))
"""
    checked = os.environ | {"PYTHONMALLOC": "debug"}
    done = subprocess.run([sys.executable, "-c", script], check=False, env=checked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("aead")
def test_what_can_not_be_called_in_place_is_left_to_pylibsrtp() -> None:
    inbound, outbound = pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND
    with patch.object(srtp_module, "IN_PLACE", False):
        pair = srtp_pair(session(inbound), session(outbound), GCM, MASTER, MASTER)
    assert type(pair) is PublicSrtp


@pytest.mark.parametrize(
    ("what", "why"),
    [
        pytest.param("EVP_aes_128_gcm", "has no AES-128-GCM", id="a cipher that is not there"),
        pytest.param("EVP_EncryptUpdate", "not that of RFC 7714", id="one that encrypts nothing"),
        pytest.param("EVP_DecryptFinal_ex", "not that of RFC 7714", id="one that finds nothing authentic"),
    ],
)
def test_an_openssl_that_does_not_encrypt_is_noticed_before_any_transport_begins(
    tmp_path: Path, what: str, why: str
) -> None:
    """An operator's policy may leave a cipher out, or not allow it: functions are there, and refuse."""
    module = build("aead", tmp_path)
    brought = ctypes.CDLL(native._binding.__file__)
    found = [ctypes.cast(getattr(brought, name), ctypes.c_void_p).value for name in native.CIPHER_FUNCTIONS]
    nothing = ctypes.CFUNCTYPE(ctypes.c_void_p)(lambda: None)
    found[native.CIPHER_FUNCTIONS.index(what)] = ctypes.cast(nothing, ctypes.c_void_p).value
    refusing = SimpleNamespace(
        bind=lambda *_: module.bind(*found),
        Context=module.Context,
        PROTECT=module.PROTECT,
        UNPROTECT=module.UNPROTECT,
    )
    with pytest.raises(ImportError, match=why):
        native.bind_cipher(refusing)


def test_without_openssl_s_functions_libsrtp_does_it() -> None:
    module = SimpleNamespace(bind=lambda *functions: pytest.fail("bound to nothing"))
    with patch.object(native, "CIPHER_FUNCTIONS", ("EVP_of_tomorrow",)), pytest.raises(ImportError, match="OpenSSL"):
        native.bind_cipher(module)
