#!/usr/bin/env python3
"""Django's command line, inside Lintel's settings."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if sys.argv[1:2] == ["serve"]:
        from portal.loop import use_uvloop

        use_uvloop()  # before anything imports daphne, which makes its loop at import
    from portal.config import ConfigError

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except ConfigError as wrong:
        for problem in wrong.problems:
            sys.stderr.write(f"{problem}\n")
        sys.exit(2)
    except Exception as problem:
        from django.db import OperationalError

        from portal.database import unusable

        if not isinstance(problem, OperationalError):
            raise
        sys.stderr.write(f"{unusable(problem)}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
