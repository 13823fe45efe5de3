"""Who may import whom. The layers are import-linter's (pyproject.toml); what it can't say is here."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PURE = [
    "meetings/door.py",
    "meetings/doorfacts.py",
    "meetings/doortable.py",
    "meetings/doorlimits.py",
    "meetings/domains.py",
    "meetings/admission.py",
    "meetings/lifecycle.py",
    "meetings/localtime.py",
    "meetings/verify_export.py",
    "meetings/outgoing/breaker.py",
    "meetings/outgoing/destinations.py",
    "meetings/budgets.py",
    "meetings/network.py",
    "meetings/signaling/fields.py",
    "meetings/signaling/messages.py",
    "meetings/roundtrip/ledger.py",
    "meetings/roundtrip/protocol.py",
    "meetings/signaling/protocol.py",
    "meetings/signaling/rates.py",
    "meetings/e2ee/delivery.py",
    "portal/config.py",
    "portal/files.py",
    "run",
]
OURS = {"portal", "meetings", "media_engine"}


def imports_of(path: Path) -> set[str]:
    """Top-level names of everything that the file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def sources(*packages: str, tests: bool = False) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if tests or "tests" not in path.parts]


@pytest.mark.parametrize("name", PURE)
def test_pure_files_import_the_standard_library_only(name: str) -> None:
    assert imports_of(ROOT / name) <= set(sys.stdlib_module_names) | OURS


def test_only_the_transport_imports_aiortc() -> None:
    importing = {path.name for path in sources("media_engine", "meetings", "portal") if "aiortc" in imports_of(path)}
    assert importing <= {"transport.py"}


def test_nobody_imports_a_decoder() -> None:
    assert not [path for path in sources("media_engine", "meetings", "portal") if "av" in imports_of(path)]


def test_views_never_touch_the_engine() -> None:
    allowed = {ROOT / "portal" / "asgi.py"}
    importing = [
        path
        for path in sources("portal", "meetings")
        if "media_engine" in imports_of(path) and path not in allowed and "live" not in path.relative_to(ROOT).parts
    ]
    assert importing == []


def test_one_module_of_the_page_imports_the_mls_library() -> None:
    """What the library leaves unchecked is checked in its wrapper; a second way in would be a way around it."""
    importing = {
        path.relative_to(ROOT / "static/js").as_posix()
        for path in (ROOT / "static/js").rglob("*.js")
        if re.search(r"""^\s*(import|export)\b[^;]*["'][^"']*ts-mls""", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing == {"e2ee/group.js"}


def test_client_text_never_names_an_attribute() -> None:
    """`getattr(object, name)` with a computed name in what reads from clients would let them choose what is called."""
    suspects = [ROOT / "meetings/consumers.py", ROOT / "meetings/live/commands.py", *sources("meetings/signaling")]
    for path in suspects:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
                assert isinstance(node.args[1], ast.Constant), f"{path}:{node.lineno}"


def test_the_contracts_between_the_packages_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
