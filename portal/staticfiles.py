"""Static files under names that hold their content's hash, compressed once, ES module imports rewritten as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.staticfiles.apps import StaticFilesConfig as DjangoStaticFilesConfig
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage as Files
from servestatic.storage import CompressedManifestStaticFilesStorage

from portal.lean_javascript import lean


class Lean:
    """Files as they are, our scripts without their comments."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def open(self, name: str, mode: str = "rb") -> File[Any]:
        opened = self.files.open(name, mode)
        if not name.endswith(".js"):
            return opened
        with opened:
            return ContentFile(lean(opened.read().decode()).encode(), name)


class Storage(CompressedManifestStaticFilesStorage):
    """Module imports are followed, so that a cached page never mixes two versions of our modules.

    Scripts lose their comments on the way to their hashed names; the plain names keep the source.
    """

    support_js_module_import_aggregation = True
    # A pass settles the names one import further; Django's five are too few for our chains, and a settled tree ends it.
    max_post_process_passes = 20

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Iterator[tuple[str, str | None, Any]]:
        lean_paths = {name: (Lean(files), path) for name, (files, path) in paths.items()}
        yield from super().post_process(lean_paths, *args, **options)


class StaticFilesConfig(DjangoStaticFilesConfig):
    ignore_patterns = [*DjangoStaticFilesConfig.ignore_patterns, "*.d.ts", "tsconfig.json", "build"]
