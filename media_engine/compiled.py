"""Whether the engine's hot modules run as mypyc has compiled them, or as Python reads them.

`./run compile` makes C of the very files that run without it (`setup.py`). What it has made lies in `_compiled` and is
used only while it was made from exactly these files for exactly this Python: a stale one is as good as none. It is
never needed, and nothing behaves differently with it. MEDIA_ENGINE_COMPILED=no does without.
"""

import hashlib
import logging
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

_SOURCES = Path(__file__).parent
BUILT = _SOURCES / "_compiled"
MADE_FROM = BUILT / "made_from"
"""The fingerprint of what `BUILT` was made from."""

HOT = (
    *("allocation", "allowance", "burst", "codecs", "config", "connections", "datagrams", "descriptor", "doubling"),
    *("downlink", "draining", "engine", "estimator", "fanout", "feedback", "figures", "floor"),
    *("h264", "ice", "key_frames", "lacking", "lines", "link", "mux", "pacing", "packet"),
    *("packet_cache", "peer", "publish", "publish_lines", "receive_log", "red", "repairs", "rota", "rtcp", "rtp"),
    *("seals", "session", "speaking", "srtp", "streams", "stun", "subscribe", "thinning", "tracks", "tripwire"),
    *("turns", "voices", "vp8", "vp9", "waiting", "watch", "way", "writing"),
)
"""What a packet passes through, what a session does with each of its turns, and what inherits from that: an interpreted
class can't have a compiled parent.
"""

State = Literal["compiled", "stale", "off", "absent"]


def fingerprint() -> str:
    """Of the engine's files and of the Python that runs."""
    digest = hashlib.sha256(f"{sys.version}\n{sysconfig.get_config_var('EXT_SUFFIX')}".encode())
    for path in sorted((*_SOURCES.glob("*.py"), *_SOURCES.glob("*.c"))):
        source = path.read_bytes()
        digest.update(f"{path.name} {len(source)}\n".encode() + source)
    return digest.hexdigest()


def state() -> State:
    """What there is: something compiled that fits; that doesn't, or can't be read; that isn't wanted; nothing."""
    try:
        made_from = MADE_FROM.read_text("ascii").strip()
    except FileNotFoundError:
        return "absent"
    except (OSError, ValueError):
        made_from = ""
    if os.environ.get("MEDIA_ENGINE_COMPILED", "").lower() in ("no", "0", "false"):
        return "off"
    return "compiled" if made_from == fingerprint() else "stale"


def tell(found: State, log: logging.Logger, *, has_inner_loops: bool) -> None:
    """Say in `log` that something compiled is used, or why what there is isn't."""
    if found == "compiled":
        log.info(
            "the engine's hot modules are compiled%s", "" if has_inner_loops else "; its inner loops run as Python"
        )
    elif found == "stale":
        log.warning("what was compiled was made from other source: the engine's hot modules run as Python")


def search(path: Iterable[str]) -> tuple[list[str], State]:
    """Where the package's modules are looked for, given where its sources are; and why."""
    found = state()
    compiled = [str(BUILT / "media_engine")] if found == "compiled" else []
    return [*compiled, *path], found
