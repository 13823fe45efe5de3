"""The server's end of the control channel: JSON commands in on stdin, answers and events out on stdout.

`benchmarks.control.Server` is the other end. One method of `commands` per command.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import resource
import sys
from collections.abc import Callable
from typing import Any


class Usage:
    """What every server under test can say about itself."""

    def usage(self) -> dict[str, float]:
        """CPU seconds of this process so far and its resident memory in bytes."""
        spent = resource.getrusage(resource.RUSAGE_SELF)
        with open("/proc/self/statm") as statm:
            resident = int(statm.read().split()[1]) * resource.getpagesize()
        return {"user_s": spent.ru_utime, "system_s": spent.ru_stime, "rss_bytes": resident}


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def serve(commands: Usage, code_of: Callable[[Exception], str | None]) -> None:
    """Answers commands until standard input ends. `code_of` names the errors that are answers."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say({"event": "Ready"})
    while line := await reader.readline():
        request = json.loads(line)
        try:
            result = getattr(commands, request["do"])(**request["with"])
            if inspect.isawaitable(result):
                result = await result
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            say({"id": request["id"], "error": code, "message": str(error)})
        else:
            say({"id": request["id"], "result": result})


def run(main: Callable[[], Any]) -> None:
    """Runs `main()` on uvloop where it imports, as the product does."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
