"""Takes guards out, one at a time, each in a copy of the project, and runs the tests that must notice.

python -m tests.mutations [WORD …]   the rows of guards.toml that contain a word, or all; exit 1 if one goes unnoticed
python -m tests.mutations --new      those that were not tried since they were written
python -m tests.mutations --write    only writes the table of docs/threat-model.md

What tests have missed is noted in missed.toml and in the table. `--copies N` takes out N at once.
"""

from __future__ import annotations

import argparse
import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import Queue

from tests.mutations.table import DOCUMENT, ROOT, Edit, Guard, document, is_in_node, missed, note_missed, read

COPIES = 2
TEST_SECONDS = 180


def copy_of_the_project(where: Path) -> Path:
    """Everything that git knows or would know, without what was built or run."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            target = where / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    compileall.compile_dir(where, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return where


def take_out(guard: Guard, root: Path) -> str:
    """Runs the guard's tests without it. Returns "" if every one of them fails, or what happened instead."""
    done: list[tuple[Edit, str]] = []
    try:
        for edit in guard.edits:
            done.append((edit, edit.apply(root)))
        return _unnoticed_by(guard.tests, root)
    except ValueError as problem:
        return str(problem)
    finally:
        for edit, before in reversed(done):
            (root / edit.file).write_text(before)


def _unnoticed_by(tests: tuple[str, ...], root: Path) -> str:
    in_node = tuple(test for test in tests if is_in_node(test))
    problems = [_run_in_node(in_node, root)] if in_node else []
    if len(in_node) < len(tests):
        problems.append(_run_pytest(tuple(test for test in tests if test not in in_node), root))
    return "\n".join(filter(None, problems))


def _run_pytest(tests: tuple[str, ...], root: Path) -> str:
    # No bytecode but that of the copy, which knows its source by a hash: second and size may be those of an edit, too.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *tests]
    try:
        ran = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=TEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{', '.join(tests)}: no end within {TEST_SECONDS} s"
    unnoticed = [test for test in tests if f"FAILED {test}" not in ran.stdout]
    if not unnoticed:
        return ""
    if ran.returncode in {0, 1} and "ERROR" not in ran.stdout:
        return f"{', '.join(unnoticed)} passes without it"
    return f"{', '.join(unnoticed)} could not be run:\n{ran.stdout[-2000:]}{ran.stderr[-1000:]}"


def _run_in_node(tests: tuple[str, ...], root: Path) -> str:
    files = sorted({test.partition("::")[0] for test in tests})
    command = ["node", "--test", "--test-reporter=tap", *files]
    try:
        ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=TEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{', '.join(tests)}: no end within {TEST_SECONDS} s"
    outcomes = {name: outcome for outcome, name in re.findall(r"^ *(not ok|ok) \d+ - (.*)$", ran.stdout, re.MULTILINE)}
    passed = [test for test in tests if outcomes.get(test.partition("::")[2]) == "ok"]
    missing = [test for test in tests if test.partition("::")[2] not in outcomes]
    if missing:
        return f"{', '.join(missing)} could not be run:\n{ran.stdout[-2000:]}{ran.stderr[-1000:]}"
    return f"{', '.join(passed)} passes without it" if passed else ""


def run(guards: list[Guard], copies: int = COPIES) -> int:
    """Takes out each of them; says what went unnoticed, and how long it took."""
    begun = time.monotonic()
    roots: Queue[Path] = Queue()
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="lintel-mutations-") as directory:
        for number in range(copies):
            roots.put(copy_of_the_project(Path(directory) / str(number)))

        def attempt(guard: Guard) -> str:
            root = roots.get()
            try:
                return take_out(guard, root)
            finally:
                roots.put(root)

        with ThreadPoolExecutor(copies) as pool:
            for guard, problem in zip(guards, pool.map(attempt, guards), strict=True):
                unnoticed += bool(problem)
                if not problem:
                    note_missed([guard], date.today())
                sys.stdout.write(f"{'NOT NOTICED' if problem else 'noticed':12}{guard}\n")
                if problem:
                    sys.stdout.write(f"            {problem}\n")
                sys.stdout.flush()
    minutes = (time.monotonic() - begun) / 60
    sys.stdout.write(
        f"{len(guards) - unnoticed} of {len(guards)} guards are missed by their tests; {minutes:.1f} min\n"
    )
    return 1 if unnoticed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="take out only rows that contain one of these")
    parser.add_argument("--new", action="store_true", help="take out only rows that nobody has tried")
    parser.add_argument("--write", action="store_true", help="only write the table of docs/threat-model.md")
    parser.add_argument("--copies", type=int, default=COPIES, help="how many guards are out at once")
    chosen = parser.parse_args()
    if chosen.write:
        DOCUMENT.write_text(document())
        return 0
    guards = [guard for guard in read() if not chosen.words or any(word in guard.text for word in chosen.words)]
    if chosen.new:
        guards = [guard for guard in guards if guard.digest not in missed()]
    try:
        return run(guards, chosen.copies)
    finally:
        DOCUMENT.write_text(document())


if __name__ == "__main__":
    sys.exit(main())
