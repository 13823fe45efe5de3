"""A portal that passes on one voice at a time, and has one m-line for sound and one for pictures towards each member.

For tests only, started in place of `manage.py serve`.
"""

from __future__ import annotations

import os
import sys
from functools import partial


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from portal.loop import use_uvloop

    use_uvloop()
    import media_engine

    few = partial(media_engine.EngineConfig, max_voices=1, max_subscribe_sections=2)
    media_engine.EngineConfig = few  # type: ignore[assignment,misc]
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "serve"])


if __name__ == "__main__":
    sys.exit(main())
