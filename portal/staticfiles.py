"""Static files under names that hold their content's hash, compressed once, ES module imports rewritten as well."""

from __future__ import annotations

from django.contrib.staticfiles.apps import StaticFilesConfig as DjangoStaticFilesConfig
from servestatic.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):
    """Module imports are followed, so that a cached page never mixes two versions of our modules."""

    support_js_module_import_aggregation = True


class StaticFilesConfig(DjangoStaticFilesConfig):
    ignore_patterns = [*DjangoStaticFilesConfig.ignore_patterns, "*.d.ts", "tsconfig.json"]
