"""Coverage-guided fuzzing of one parser: `python -m media_engine.tests.fuzz stun 60` (needs the package atheris).

Begins with the corpus. What makes a parser fail is left in the working directory as `crash-…`: put it into the corpus
with its repair. `--keep FOLDER` writes inputs that reach new code there.
"""

import sys
import tempfile
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process, with 0 when nothing was found."""
    import atheris

    with atheris.instrument_imports(include=["media_engine"]):
        from media_engine.tests.parsers import CORPUS, PARSERS
    parser, seconds, *rest = arguments
    found = Path(rest[1]) if rest[:1] == ["--keep"] else Path(tempfile.mkdtemp(prefix="fuzz-"))
    found.mkdir(exist_ok=True)
    options = [f"-max_total_time={seconds}", "-max_len=1500", "-timeout=5", "-rss_limit_mb=1024", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(found), str(CORPUS / parser)], PARSERS[parser])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
