"""Settings for tests: a data directory of their own that goes away, and a quick password hash.

The tests run on SQLite in memory. `TESTS_DATABASE_URL` and `TESTS_REDIS_URL` put them on PostgreSQL and Redis instead:
written as LINTEL_DATABASE_URL and LINTEL_REDIS_URL are, and of an account that may make databases.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_directory = tempfile.mkdtemp(prefix="lintel-tests-")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("LINTEL_")]:
    del os.environ[_name]
os.environ["LINTEL_DATA_DIR"] = _directory
for _name in ("DATABASE_URL", "REDIS_URL"):
    if f"TESTS_{_name}" in os.environ:
        os.environ[f"LINTEL_{_name}"] = os.environ[f"TESTS_{_name}"]

from portal.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": _directory}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STATIC_ROOT = os.path.join(_directory, "static")
os.makedirs(STATIC_ROOT)
# Said, for pytest-django knows of no other engine than Django's own that this is the default.
if DATABASES["default"]["ENGINE"] == "portal.database":  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}  # noqa: F405
