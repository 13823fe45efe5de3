"""Makes C of the engine's hot modules and compiles it: `./run compile` calls `python setup.py build_ext`.

mypyc reads the same annotated Python that runs without it, so there is one source. Needed neither to install nor to
serve; `media_engine/compiled.py` says when the result is used.
"""

import os
import shutil
import subprocess
import sys

os.environ["MEDIA_ENGINE_COMPILED"] = "no"  # what is about to be replaced must not be loaded

from mypyc.build import mypycify
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

from media_engine import compiled

# Before they are read: what is edited or upgraded meanwhile is not what was compiled.
SOURCES = compiled.fingerprint()


class Build(build_ext):
    """Builds anew, notes which sources it was, and takes back what can't be loaded."""

    def run(self) -> None:
        compiled.MADE_FROM.unlink(missing_ok=True)  # first: without it nothing of the rest is loaded
        shutil.rmtree(compiled.BUILT, ignore_errors=True)
        super().run()
        compiled.MADE_FROM.write_text(SOURCES + "\n")
        loaded = subprocess.run(
            [sys.executable, "-c", "import media_engine"],
            check=False,
            env=os.environ | {"MEDIA_ENGINE_COMPILED": "yes"},
        )
        if loaded.returncode:
            shutil.rmtree(compiled.BUILT)
            raise SystemExit("what was compiled can't be loaded and is taken away again")


IN_C = [
    Extension(f"media_engine.{name}", [f"media_engine/{name}.c"], extra_compile_args=["-Wall"])
    for name in ("inner", "aead")
]

setup(
    name="media_engine",
    packages=[],
    ext_modules=(IN_C if sys.platform == "linux" else [])
    + mypycify(
        ["--config-file=", "--strict", *(f"media_engine/{name}.py" for name in compiled.HOT)],
        group_name="media_engine.hot",
        opt_level="2",
        debug_level="0",
        target_dir="build/c",
    ),
    cmdclass={"build_ext": Build},
    options={"build_ext": {"build_lib": str(compiled.BUILT), "build_temp": "build/objects"}},
)
