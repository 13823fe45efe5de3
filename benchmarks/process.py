"""A server under test as the kernel sees it: where it runs, what it has used."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

NICENESS = -15
"""What else runs on the machine must not decide how much a server carries; a lower niceness needs the right to it."""


def pinned(command: list[str]) -> list[str]:
    """`command` on the core that this process has left, so that the generator does not compete with it."""
    left = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
    return ["taskset", "--cpu-list", ",".join(map(str, left)), *command] if left else command


@contextlib.contextmanager
def on_the_core_left() -> Iterator[None]:
    """What this thread starts meanwhile runs there, as `pinned` says of a command."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - mine or mine)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def leave_the_last_core() -> None:
    """Keep this process off the core of the server under test, where there is more than one core.

    Raises the priority of this process and of every server that it starts, where it may.
    """
    count = os.cpu_count() or 1
    if count > 1:
        os.sched_setaffinity(0, range(count - 1))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        # Where sessions are scheduled against each other, the niceness within one says little.
        Path("/proc/self/autogroup").write_text(str(NICENESS))
        atexit.register(Path("/proc/self/autogroup").write_text, "0")


AS_RUN_STARTS_IT = {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""What `./run` sets for the process that serves."""


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, in the scheduler's nanoseconds and not in clock ticks."""
    spent = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        spent += int((thread / "schedstat").read_text().split()[0])
    return spent / 1e9


def resident_bytes(pid: int) -> int:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
