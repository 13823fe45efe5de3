"""Settings of the portals that tests start: the product's, with a password hash that takes no time.

A sign-in costs as much as half a test otherwise, on purpose. The product's own hash is signed in with in
portal/tests/test_server.py.
"""

from portal.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
