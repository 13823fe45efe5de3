"""Meetings while they happen: who sits where, who waits, and what the engine may forward for whom.

The only part of `meetings` that knows the engine. `Live` is one object per process; it asks `door.decide` again at
every entry, on every change and on a tick, and turns the answers into engine grants that run out unless they are
renewed.
"""

from meetings.live.commands import act
from meetings.live.office import Live, current_live
from meetings.live.storing import Actor

__all__ = ["Actor", "Live", "act", "current_live"]
