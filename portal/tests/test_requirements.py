"""Every package that we ask for is used and explained; nothing is installed for later."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOUND_BY_OTHERS = {"argon2-cffi", "tzdata"}
"""Django's password hasher and zoneinfo import these when they are there."""


def names_in(file: str) -> list[str]:
    lines = (ROOT / file).read_text().splitlines()
    return [found[0].lower() for line in lines if (found := re.match(r"[A-Za-z][\w.-]*", line))]


@pytest.mark.parametrize(
    "file", ["requirements.in", "requirements-dev.in", "requirements-cluster.in", "requirements-compile.in"]
)
def test_every_package_is_explained(file: str) -> None:
    explained = (ROOT / "docs" / "dependencies.md").read_text().lower()
    assert [name for name in names_in(file) if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", explained)] == []


def test_every_package_of_the_run_time_set_is_used_by_the_product() -> None:
    modules: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(re.sub(r"[-_.]+", "-", distribution).lower(), set()).add(module)
    sources = [
        path
        for package in ("portal", "meetings", "media_engine")
        for path in (ROOT / package).rglob("*.py")
        if "tests" not in path.parts
    ]
    code = "\n".join(path.read_text() for path in sources)
    used = set(re.findall(r"^\s*(?:from|import) (\w+)", code, re.MULTILINE)) | set(re.findall(r'"(\w+)[."]', code))
    unused = {name for name in names_in("requirements.in") if not modules.get(name, set()) & used}
    assert unused == FOUND_BY_OTHERS
