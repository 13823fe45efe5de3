"""The second implementation of SFrame against the RFC, and the page's implementation against it."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sframe import Key, NotSFrame, decode_header, encode_header, key_id, open_frame, seal_frame

ROOT = Path(__file__).resolve().parent.parent
VECTORS = json.loads((ROOT / "tests/vectors/sframe.json").read_text())
FRAMES = json.loads((ROOT / "tests/vectors/frames.json").read_text())
NUMBER = st.integers(0, 2**64 - 1)


def page(requests: list[dict[str, Any]]) -> list[bytes | None]:
    """What the page's code makes of these frames."""
    node = shutil.which("node")
    if node is None:
        missing = "Node.js is missing: apt-get install -y nodejs"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    done = subprocess.run(
        [node, str(ROOT / "tests/js/sframe_peer.mjs")],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests)
    return [None if answer is None else bytes.fromhex(answer) for answer in answers]


@pytest.mark.parametrize("vector", VECTORS["sframe"], ids=lambda vector: f"suite {vector['cipher_suite']}")
def test_the_vectors_of_appendix_c(vector: dict[str, Any]) -> None:
    key = Key.derive(bytes.fromhex(vector["base_key"]), int(vector["kid"]), vector["cipher_suite"])
    assert (key.key.hex(), key.salt.hex()) == (vector["sframe_key"], vector["sframe_salt"])
    metadata, plaintext = bytes.fromhex(vector["metadata"]), bytes.fromhex(vector["pt"])
    sealed = key.seal(int(vector["ctr"]), metadata, plaintext)
    assert sealed.hex() == vector["ct"]
    assert key.open(metadata, sealed) == plaintext


def test_the_headers_of_appendix_c() -> None:
    for header in VECTORS["header"]:
        kid, ctr, encoded = int(header["kid"]), int(header["ctr"]), bytes.fromhex(header["encoded"])
        assert encode_header(kid, ctr) == encoded
        assert decode_header(encoded + b"\xff") == (kid, ctr, len(encoded))


@given(NUMBER, NUMBER)
def test_a_header_is_read_as_it_was_written(kid: int, ctr: int) -> None:
    encoded = encode_header(kid, ctr)
    assert decode_header(encoded) == (kid, ctr, len(encoded))


@given(st.binary(max_size=20))
def test_a_header_has_one_spelling(data: bytes) -> None:
    try:
        kid, ctr, length = decode_header(data)
    except NotSFrame:
        return
    assert encode_header(kid, ctr) == data[:length]


def test_the_frozen_frames_still_open() -> None:
    for frame in FRAMES:
        key = Key.derive(bytes.fromhex(frame["base_key"]), frame["kid"])
        sealed = seal_frame(key, frame["ctr"], frame["kind"], bytes.fromhex(frame["frame"]))
        assert sealed.hex() == frame["sealed"]
        assert open_frame(key, frame["kind"], sealed).hex() == frame["frame"]


def test_both_implementations_open_what_the_other_sealed_and_refuse_the_same() -> None:
    chance = random.Random(9605)
    made: list[tuple[Key, dict[str, Any], bytes, bytes]] = []
    for _ in range(200):
        base = chance.randbytes(16)
        source = chance.choice(("microphone", "camera", "screen", "screen_audio"))
        kind = "video" if source in ("camera", "screen") else "audio"
        kid = key_id(source, chance.randrange(256), chance.randrange(1000))
        ctr = chance.randrange(2 ** chance.randrange(1, 48))
        frame = chance.randbytes(chance.randrange(10 if kind == "video" else 1, 1500))
        key = Key.derive(base, kid)
        about = {"base_key": base.hex(), "kid": kid, "ctr": ctr, "kind": kind}
        made.append((key, about, frame, seal_frame(key, ctr, kind, frame)))
    sealed_there = page([{**about, "frame": frame.hex()} for _, about, frame, _ in made])
    assert sealed_there == [sealed for *_, sealed in made]
    assert page([{**about, "sealed": sealed.hex()} for _, about, _, sealed in made]) == [frame for *_, frame, _ in made]

    broken = []
    for _, _, _, sealed in made:
        at = chance.randrange(len(sealed))
        broken.append(chance.choice((sealed[:at] + bytes([sealed[at] ^ 1 << chance.randrange(8)]) + sealed[at + 1 :],
                                     sealed[: max(1, at)], sealed + b"\0", chance.randbytes(len(sealed)))))  # fmt: skip
    for (key, about, *_), data in zip(made, broken, strict=True):
        with pytest.raises(NotSFrame):
            open_frame(key, about["kind"], data)
    assert (
        page([{**about, "sealed": data.hex()} for (_, about, *_), data in zip(made, broken, strict=True)])
        == [None] * 200
    )
