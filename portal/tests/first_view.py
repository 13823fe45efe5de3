"""What a page brings before anybody touches it, from its markup and our sources: no browser, nothing collected."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from servestatic.compress import Compressor

from portal.lean_javascript import lean

STATIC = Path(__file__).resolve().parents[2] / "static"
NAMED = re.compile(r'\b(?:href|src|data-sprite)="/static/([^"#?]+)')
IMPORTED = re.compile(r'^(?:import|export)\b(?:[^;"]*\bfrom)?\s*"(\.[^"]+)"', re.MULTILINE)
HASH_BYTES = 13
MODULE_NAME = re.compile(r'"(\.[^"]+)\.js"')


def modules(entry: str) -> set[str]:
    """A module and everything that it imports without being asked, by path below `static`."""
    found: set[str] = set()
    left = [entry]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            source = (STATIC / name).read_text()
            paths = [(STATIC / name).parent / imported for imported in IMPORTED.findall(source)]
            left += [str(path.resolve().relative_to(STATIC)) for path in paths]
    return found


def weights(html: str) -> dict[str, int]:
    """Bytes as they travel, by name, of a page and of what it brings, without fonts."""
    brought = set(NAMED.findall(html))
    for name in list(brought):
        if name.endswith(".js"):
            brought |= modules(name)
    # Pages themselves are not compressed, and what they name has its hash in its name.
    page = len(html.encode()) + HASH_BYTES * len(NAMED.findall(html))
    return {"the page": page} | {name: _travels(name) for name in sorted(brought)}


def _travels(name: str) -> int:
    content = (STATIC / name).read_bytes()
    if name.endswith(".js"):
        # Imports carry the hash of what they name, which no compression makes shorter.
        content = MODULE_NAME.sub(_hashed, lean(content.decode())).encode()
    return len(Compressor.compress_gzip(content))


def _hashed(named: re.Match[str]) -> str:
    path = named[1]
    return f'"{path}.{hashlib.sha256(path.encode()).hexdigest()[:12]}.js"'
