"""Every parser, given anything: what was found before, what is made of it, and what a fuzzer finds in half a minute."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_engine.tests.parsers import CORPUS, PARSERS, seeds

ROOT = Path(__file__).parents[2]
FUZZ_SECONDS = 20


def mutations(parser: str) -> st.SearchStrategy[bytes]:
    """Members of the corpus with some bytes changed, a piece doubled or left out, and some cut off; and noise."""

    def mutate(seed: bytes, changes: list[tuple[int, int]], piece: tuple[int, int, int], cut: int) -> bytes:
        data = bytearray(seed)
        for position, value in changes:
            if data:
                data[position % len(data)] = value
        start, size, times = piece
        start %= len(data) + 1
        data[start : start + size] = data[start : start + size] * times
        return bytes(data[: len(data) - cut % (len(data) + 1)])

    return st.builds(
        mutate,
        st.sampled_from(seeds(parser)),
        st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
        st.tuples(st.integers(0, 4000), st.integers(0, 40), st.sampled_from((1, 1, 0, 2, 9))),
        st.just(0) | st.integers(0, 60),
    ) | st.binary(max_size=400)


@pytest.mark.parametrize("parser", PARSERS)
def test_nothing_that_was_found_before_surprises_a_parser(parser: str) -> None:
    found = seeds(parser)
    assert found
    for data in found:
        PARSERS[parser](data)


def test_every_folder_of_the_corpus_belongs_to_a_parser() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(PARSERS)


@pytest.mark.parametrize("parser", PARSERS)
def test_nothing_made_of_it_does_either(parser: str) -> None:
    @settings(max_examples=200, deadline=None)
    @given(mutations(parser))
    def try_it(data: bytes) -> None:
        PARSERS[parser](data)

    try_it()


@pytest.mark.extra
@pytest.mark.parametrize("parser", PARSERS)
def test_a_fuzzer_that_watches_the_code_finds_nothing(parser: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is missing: .venv/bin/pip install atheris")
    done = subprocess.run(
        [sys.executable, "-m", "media_engine.tests.fuzz", parser, str(FUZZ_SECONDS)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=FUZZ_SECONDS + 90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
