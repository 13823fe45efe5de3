"""Reads `guards.toml` and what came of taking guards out, and writes both as the table of docs/threat-model.md."""

from __future__ import annotations

import ast
import functools
import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUARDS = Path(__file__).with_name("guards.toml")
MISSED = Path(__file__).with_name("missed.toml")
DOCUMENT = ROOT / "docs" / "threat-model.md"
BEGIN, END = "<!-- guards: begin -->", "<!-- guards: end -->"


@dataclass(frozen=True)
class Edit:
    """One piece of text in one file, which must be there exactly once, and what is put in its place."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> str:
        """Changes the file and returns what it was. Raises ValueError when the text is not there exactly once."""
        path = root / self.file
        before = path.read_text()
        if before.count(self.old) != 1:
            raise ValueError(f"{self.file} has {before.count(self.old)} times: {self.old}")
        path.write_text(before.replace(self.old, self.new))
        return before


@dataclass(frozen=True)
class Guard:
    """`threat` as it is numbered, `intruder` what somebody wants, `guard` what stops them; `tests` all fail without."""

    threat: str
    intruder: str
    guard: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.threat}: {self.intruder}"

    @property
    def digest(self) -> str:
        """Stands for what is taken out and which tests must fail: whatever was found out holds for this alone."""
        return hashlib.sha256(repr((self.edits, self.tests)).encode()).hexdigest()[:12]

    @property
    def text(self) -> str:
        """Everything that the row says, for whoever looks for a word in it."""
        return " ".join((str(self), self.guard, *(edit.file for edit in self.edits), *self.tests))


def read() -> list[Guard]:
    """The rows, by threat. Raises KeyError or TypeError for one that is not complete."""
    rows = tomllib.loads(GUARDS.read_text())["guard"]
    found = [
        Guard(
            row["threat"], row["intruder"], row["guard"], tuple(Edit(*edit) for edit in row["edits"]),
            tuple(test_id(name) for name in row["tests"]),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda guard: int(guard.threat.removeprefix("T")))


def missed() -> dict[str, date]:
    """By digest, when a guard was last taken out and every test of its row failed."""
    found: dict[str, date] = tomllib.loads(MISSED.read_text())
    return found


def note_missed(guards: list[Guard], today: date) -> None:
    """Adds these, and drops rows that are in the list no more."""
    listed = {guard.digest for guard in read()}
    found = missed() | dict.fromkeys((guard.digest for guard in guards), today)
    MISSED.write_text("".join(f'"{digest}" = {found[digest]}\n' for digest in sorted(found) if digest in listed))


def test_id(name: str) -> str:
    """`file::name`, or `name` where it is the only one, as pytest addresses it. Raises ValueError.

    A test that its class makes from a table is written whole: `file::class::name`; so is one that Node runs:
    `tests/js/….test.mjs::its title`.
    """
    if is_in_node(name):
        file, _, title = name.partition("::")
        if f'test("{title}"' not in (ROOT / file).read_text():
            raise ValueError(f"{file} has no test of this title: {title}")
        return name
    if name.count("::") == 2 and name.rpartition("::")[0] in all_tests():
        return name
    file, _, test = name.rpartition("::")
    fitting = [node for node in all_tests() if node.endswith(f"::{test}") and node.startswith(file)]
    if len(fitting) != 1:
        raise ValueError(f"{len(fitting)} tests are named {name}: {fitting}")
    return fitting[0]


def is_in_node(test: str) -> bool:
    """Whether Node runs this test, and not pytest."""
    return ".test.mjs::" in test


@functools.cache
def all_tests() -> tuple[str, ...]:
    """Every test of the suite, written as pytest does, and every class of tests."""
    found = []
    for package in ("media_engine", "meetings", "portal", "tests"):
        for path in sorted((ROOT / package).rglob("test_*.py")):
            where = path.relative_to(ROOT)
            body = ast.parse(path.read_text()).body
            for node in body:
                if isinstance(node, ast.ClassDef):
                    found.append(f"{where}::{node.name}")
                    found += [f"{where}::{node.name}::{name}" for name in _names(node.body)]
            found += [f"{where}::{name}" for name in _names(body)]
    return tuple(found)


def _names(body: list[ast.stmt]) -> list[str]:
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in functions if node.name.startswith("test")]


def written(guards: list[Guard]) -> str:
    """The table as the document has it."""
    lines = ["| | intruder | guard | test that fails without it | failed on |", "| --- | --- | --- | --- | --- |"]
    when = missed()
    for guard in guards:
        tests = ", ".join(f"`{_short(test)}`" for test in guard.tests)
        on = when.get(guard.digest, "not tried")
        lines.append(f"| {guard.threat} | {guard.intruder} | {guard.guard} | {tests} | {on} |")
    return "\n".join(lines)


def _short(test: str) -> str:
    file, _, rest = test.partition("::")
    name = rest.rpartition("::")[2]
    if is_in_node(test):
        return f"{Path(file).name.removesuffix('.test.mjs')}::{rest}"
    return f"{Path(file).stem.removeprefix('test_')}::{name.removeprefix('test_')}"


def document() -> str:
    """The document with the table as it should be."""
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{written(read())}\n{END}{rest.split(END)[1]}"
