"""The event loop that everything in the process shares."""

from __future__ import annotations

import asyncio


def use_uvloop() -> bool:
    """Makes later loops uvloop's when it's installed (it forwards half as many packets again). Tells whether it is."""
    try:
        import uvloop
    except ImportError:
        return False
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return True
