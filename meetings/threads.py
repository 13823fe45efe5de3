"""Threads step back behind the loop's, which carries everybody's media."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

NICENESS = 10


def step_back() -> None:
    """The calling thread runs with a lower priority from now on, where threads have one of their own (Linux).

    Without, whoever works in a thread keeps the processor for its whole slice, some milliseconds, while the loop waits
    for it on the same core.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            own = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + NICENESS)
