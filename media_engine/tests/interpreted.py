"""Tests that put something of their own in the place of what compiled code has fixed in it."""

import pytest

from media_engine import COMPILED

interpreted = pytest.mark.skipif(COMPILED == "compiled", reason="replaces what a compiled class won't have replaced")
