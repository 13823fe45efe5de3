"""T14: taking the server over by what it parses.

Everything that crosses the network is tried with a kept corpus of hostile samples and with what hypothesis makes of
them: bytes changed, cut, doubled, spliced. A parser returns or refuses in its own words; nothing else, ever. A sample
that once did more belongs into `corpus/`. And nothing that is parsed can reach a shell: there is none.
"""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pylibsrtp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_engine import (
    Engine,
    EngineConfig,
    Grants,
    OfferRejected,
    Source,
    av1,
    feedback,
    native,
    red,
    rtcp,
    sdp,
    stun,
    vp8,
    vp9,
)
from media_engine.rtp import decode_extensions, decode_header
from meetings.signaling import protocol
from meetings.signaling.protocol import ProtocolError
from tests.intruder.case import IntruderCase

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "corpus"
Sample = bytes | str


def parse_stun(data: bytes) -> None:
    stun.integrity_holds(data, stun.decode(data), b"password")


def parse_rtp(data: bytes) -> None:
    header = decode_header(data, len(data))
    decode_extensions(data, header)
    vp8.decode_descriptor(data, header.payload_start, header.payload_end)


def parse_rtcp(data: bytes) -> None:
    for item in rtcp.decode(data):
        if isinstance(item, rtcp.UnreadFeedback):
            feedback.decode(item.body)


def parse_vp8(data: bytes) -> None:
    vp8.decode_descriptor(data, 0, len(data))


def parse_vp9(data: bytes) -> None:
    vp9.decode_descriptor(data, 0, len(data))


def parse_av1(data: bytes) -> None:
    av1.starts_key_frame(data, 0, len(data))


def parse_red(data: bytes) -> None:
    red.relabelled(data, red.decode(data, 0, len(data), 111), 111)


def parse_sdp(text: str) -> None:
    sdp.decode(text, max_bytes=60 * 1024, max_sections=32)


PARSERS: dict[str, tuple[Callable[[Any], object], type[Exception]]] = {
    "stun": (parse_stun, ValueError),
    "rtp": (parse_rtp, ValueError),
    "rtcp": (parse_rtcp, ValueError),
    "vp8": (parse_vp8, ValueError),
    "vp9": (parse_vp9, ValueError),
    "av1": (parse_av1, ValueError),
    "red": (parse_red, ValueError),
    "sdp": (parse_sdp, OfferRejected),
    "json": (protocol.decode, ProtocolError),
}


def samples(name: str) -> list[Sample]:
    kept = json.loads((CORPUS / f"{name}.json").read_text())
    return [bytes.fromhex(one["hex"]) if "hex" in one else one["text"] for one in kept]


def try_on(name: str, sample: Any) -> None:
    parse, refusal = PARSERS[name]
    try:
        parse(sample)
    except refusal:
        return


@pytest.mark.parametrize("name", PARSERS)
def test_t14_every_kept_sample_is_parsed_or_refused(name: str) -> None:
    for sample in samples(name):
        try_on(name, sample)


def bent(kept: list[Sample]) -> st.SearchStrategy[Sample]:
    """Kept samples of which parts are changed, cut off, repeated, and joined with parts of others."""

    def bend(one: Any, other: Any, places: list[tuple[int, int]], cut: int, times: int) -> Any:
        as_text = isinstance(one, str)
        half = len(one) // 2
        made: Any = list(one + other[cut % (len(other) + 1) :]) if cut % 3 else list(one[:half] * times + one[half:])
        for place, value in places:
            if made:
                made[place % len(made)] = chr(value) if as_text else value & 0xFF
        kept_part = made[: len(made) - cut % (len(made) + 1)] if cut % 2 else made
        return "".join(kept_part) if as_text else bytes(kept_part)

    place = st.tuples(st.integers(0, 4_000), st.integers(0, 0xD7FF))
    return st.builds(
        bend, st.sampled_from(kept), st.sampled_from(kept), st.lists(place, max_size=8), st.integers(0, 400),
        st.integers(1, 3),
    )  # fmt: skip


@pytest.mark.parametrize("name", PARSERS)
def test_t14_whatever_a_sample_is_bent_into_is_parsed_or_refused(name: str) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(bent(samples(name)))
    def attempt(sample: Sample) -> None:
        try_on(name, sample)

    attempt()


async def _answers(offers: list[str]) -> int:
    """How many of these offers an engine answered; any exception but a refusal goes through."""
    engine = Engine(EngineConfig(host="127.0.0.1", port=0))
    await engine.start()
    answered = 0
    try:
        for offer in offers:
            engine.set_grants("room", "mallory", Grants(frozenset(Source), True, float("inf")))
            for ask in (
                lambda offer=offer: engine.answer_publish("room", "mallory", offer, {"0": Source.MICROPHONE}),
                lambda offer=offer: engine.open_subscribe("room", "mallory", True),
                lambda offer=offer: engine.accept_answer("room", "mallory", 1, offer),
            ):
                try:
                    answered += bool(ask())
                except OfferRejected:
                    continue
    finally:
        await engine.aclose()
    return answered


def test_t14_no_description_harms_the_engine_that_reads_it() -> None:
    assert asyncio.run(_answers([str(sample) for sample in samples("sdp")])) > 0


REACHES_A_SHELL = {"subprocess", "pty", "commands", "multiprocessing", "pickle", "marshal", "shelve", "code", "ctypes"}
CALLS_A_SHELL = {
    "system",
    "popen",
    "spawnl",
    "spawnv",
    "execv",
    "execl",
    "posix_spawn",
    "fork",
    "eval",
    "exec",
    "dlopen",
}
PACKETS_PASS_THROUGH_C = {"media_engine/native.py", "media_engine/srtp.py"}
"""They may import ctypes; `test_t14_what_reaches_c_loads_no_library_of_its_own` says what they do with it."""


def modules_that_serve() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for package in ("portal", "meetings", "media_engine")
        for path in (ROOT / package).rglob("*.py")
        if "tests" not in path.parts
    }


def test_t14_nothing_that_serves_can_start_a_program_or_run_what_it_reads() -> None:
    found = set()
    for file, tree in modules_that_serve().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None)
                names = [module] if module else [alias.name for alias in node.names]
                bad = {str(name).split(".")[0] for name in names} & REACHES_A_SHELL
            elif isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                bad = {name} & CALLS_A_SHELL
            else:
                continue
            found |= {(file, name) for name in bad}
    assert found == {(file, "ctypes") for file in PACKETS_PASS_THROUGH_C}


def test_t14_what_reaches_c_loads_no_library_of_its_own() -> None:
    """Two functions of the C library that runs already and seven of the OpenSSL in pylibsrtp's module, which does, too,
    by names that are written down; and pylibsrtp's own, pinned.
    """
    used: set[str] = set()
    loaded: set[tuple[str, str]] = set()
    for file, tree in modules_that_serve().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "ctypes":
                used.add(node.attr)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"ctypes.CDLL", "_libc_function"}:
                loaded.add((file, ast.unparse(node)))
    assert used == {"CDLL", "addressof", "c_ubyte", "c_void_p", "cast", "memmove", "string_at"}
    assert loaded == {
        ("media_engine/native.py", "ctypes.CDLL(None)"),
        ("media_engine/native.py", "ctypes.CDLL(_binding.__file__)"),
        ("media_engine/native.py", "_libc_function('recvmmsg', 'int (*)(int, void *, unsigned int, int, void *)')"),
        ("media_engine/native.py", "_libc_function('sendmmsg', 'int (*)(int, void *, unsigned int, int)')"),
    }
    assert native.ffi is pylibsrtp._binding.ffi
    assert native._binding is pylibsrtp._binding
    assert all(name.startswith("EVP_") for name in native.CIPHER_FUNCTIONS)
    pins = (ROOT / "requirements.txt").read_text()
    assert f"pylibsrtp=={metadata.version('pylibsrtp')} " in pins


class T14TheProcess(IntruderCase):
    def test_the_server_has_no_child_process(self) -> None:
        """Guard: the same, seen from outside while meetings take place."""
        pid = self.portal.server.process.pid
        children = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        self.assertEqual("".join(children).split(), [])
