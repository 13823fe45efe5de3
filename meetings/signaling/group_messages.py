"""The messages of end-to-end encrypted meetings, docs/protocol.md section 6. Tables only.

Everything that is sealed is text to us: its size is checked, and that it is base64url.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from meetings.signaling.fields import Field, boolean, encoded, list_of, object_of, one_of, text, whole

KEY_BYTES: Final = 32
GROUP_BYTES: Final = 16
MAX_KEY_PACKAGE_BYTES: Final = 4 * 1024
MAX_COMMIT_BYTES: Final = 180 * 1024
MAX_WELCOME_BYTES: Final = 190 * 1024
MAX_SEALED_BYTES: Final = 44 * 1024
MAX_WORD_BYTES: Final = 2 * 1024
MAX_CHUNK_BYTES: Final = 64 * 1024 + 16
MAX_FILE_BYTES: Final = 2**31
LINK_CHECK_BYTES: Final = 8
MAX_LINK_KEYS: Final = 1_000_000
MAX_PEOPLE: Final = 100

CLASSES: Final = ("chat", "file", "reaction", "control")

_GROUP: Final = Field(encoded(GROUP_BYTES, GROUP_BYTES))
_EPOCH: Final = Field(whole(0, 2**31))
_FILE: Final = Field(text(36, 36))
_NUMBER: Final = Field(whole(0, MAX_FILE_BYTES // MAX_CHUNK_BYTES))
_OFFERS: Final = Field(list_of(MAX_PEOPLE, object_of(participant=text(1, 64), offer=whole(0, 2**53))))

CLIENT_MESSAGES: Final[Mapping[str, Mapping[str, Field]]] = MappingProxyType(
    {
        "e2ee.identify": {
            "key": Field(encoded(KEY_BYTES, KEY_BYTES)),
            "account": Field(text(1, 64), default=None),
        },
        "e2ee.word": {"participant": Field(text(1, 64)), "word": Field(encoded(1, MAX_WORD_BYTES))},
        "e2ee.link": {
            "generation": Field(whole(1, MAX_LINK_KEYS)),
            "check": Field(encoded(LINK_CHECK_BYTES, LINK_CHECK_BYTES)),
        },
        "e2ee.hello": {"version": Field(whole(1, 1_000)), "key_package": Field(encoded(1, MAX_KEY_PACKAGE_BYTES))},
        "e2ee.created": {"group": _GROUP},
        "e2ee.commit": {
            "group": _GROUP,
            "epoch": _EPOCH,
            "commit": Field(encoded(1, MAX_COMMIT_BYTES)),
            "welcome": Field(encoded(1, MAX_WELCOME_BYTES), default=None),
            "add": _OFFERS,
            "remove": Field(list_of(MAX_PEOPLE, text(1, 64))),
        },
        "e2ee.decline": {"offers": _OFFERS, "more": Field(boolean)},
        "e2ee.applied": {"group": _GROUP, "epoch": _EPOCH},
        "e2ee.nack": {"group": _GROUP, "epoch": _EPOCH, "code": Field(text(1, 32))},
        "e2ee.resume": {"group": _GROUP, "epoch": _EPOCH, "seq": Field(whole(0, 2**53))},
        "e2ee.app": {
            "group": _GROUP,
            "epoch": _EPOCH,
            "class": Field(one_of(CLASSES)),
            "message": Field(encoded(1, MAX_SEALED_BYTES)),
        },
        "file.begin": {"size": Field(whole(1, MAX_FILE_BYTES))},
        "file.chunk": {"file": _FILE, "number": _NUMBER, "data": Field(encoded(1, MAX_CHUNK_BYTES))},
        "file.read": {"file": _FILE, "number": _NUMBER},
        "file.withdraw": {"file": _FILE},
    }
)

SERVER_MESSAGES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "e2ee.create": frozenset(),
        "e2ee.work": frozenset({"group", "epoch", "add", "remove", "refresh", "deadline_ms"}),
        "e2ee.commit": frozenset({"seq", "group", "epoch", "from", "commit", "add", "remove"}),
        "e2ee.welcome": frozenset({"seq", "group", "epoch", "welcome"}),
        "e2ee.activate": frozenset({"group", "epoch"}),
        "e2ee.app": frozenset({"seq", "group", "epoch", "from", "class", "message"}),
        "e2ee.reset": frozenset({"reason"}),
        "e2ee.held": frozenset({"held"}),
        "e2ee.unsealed": frozenset({"source"}),
    }
)

# What may be longer than other frames: a welcome holds the whole tree, and few chunks make a file.
LARGE_MESSAGES: Final = frozenset({"e2ee.commit", "file.chunk"})
