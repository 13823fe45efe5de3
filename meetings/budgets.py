"""Every budget of the entrance in one list: how often, whose tries are counted together, and what happens beyond.

Pure. Whoever keeps a budget takes its rate from here; docs/operations.md has the same list, and a test compares them.
An address is an IPv4 address or the /64 of an IPv6 address. Whoever has a /48 has 65,536 of these: everything that is
counted for each address is counted for each /48, too (`OF_A_SITE`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rate:
    """`per_second` on average, and `burst` at once."""

    per_second: float
    burst: float

    @property
    def of_a_site(self) -> Rate:
        return Rate(self.per_second * OF_A_SITE, self.burst * OF_A_SITE)

    @classmethod
    def per_minute(cls, count: int) -> Rate:
        return cls(count / 60, count)

    @classmethod
    def per_hour(cls, count: int) -> Rate:
        return cls(count / 3600, count)


OF_A_SITE: Final = 10
"""How many times the budget of an address all addresses of a /48 of IPv6 have together."""


@dataclass(frozen=True)
class Budget:
    """`limit` is a rate, or how many `unit`. `beyond` is what whoever exceeds it meets."""

    what: str
    each: str
    limit: Rate | int
    beyond: str
    unit: str = "at once"

    @property
    def name(self) -> str:
        """`what` as a key in a shared cache may be written."""
        return self.what.replace(" ", "-")

    @property
    def rate(self) -> Rate:
        assert isinstance(self.limit, Rate)  # noqa: S101 - for the type checker
        return self.limit

    @property
    def most(self) -> int:
        """The number itself: of things at once, or of tries in the time that the rate names."""
        return int(self.limit.burst) if isinstance(self.limit, Rate) else self.limit

    @property
    def said(self) -> str:
        """How often, in words: "20 a minute", "10 a second, 100 at once", "50 at once"."""
        if isinstance(self.limit, int):
            return f"{self.limit} {self.unit}".strip()
        for seconds, words in ((60, "a minute"), (300, "in 5 minutes"), (3600, "an hour")):
            if abs(self.limit.per_second * seconds - self.limit.burst) < 1e-6:
                return f"{self.most} {words}"
        return f"{self.limit.per_second:g} a second, {self.most} at once"


def _in_five_minutes(count: int) -> Rate:
    return Rate(count / 300, count)


TOO_MANY: Final = "429 with Retry-After"

# The door

TRIES = Budget(
    "codes, personal links, proofs and mailed codes that open nothing",
    "account; personal link and address; else address",
    Rate.per_minute(20),
    TOO_MANY + ", before anything is looked at",
)
REQUESTS = Budget(
    "questions to the door (look, Join, Knock)",
    "account; personal link and address; else address",
    Rate.per_minute(300),
    TOO_MANY,
)
IN_LINE = Budget("pages and questions of the entrance (one is answered at a time)", "address", 60, TOO_MANY)
KNOCKS = Budget("knocks by the meeting link", "meeting and address", Rate.per_minute(60), TOO_MANY)
KNOCKS_OF_ALL = Budget("the same, from everywhere", "meeting", Rate.per_minute(120), TOO_MANY)
ENTRIES = Budget("people who walk in by the meeting link", "meeting and address", Rate.per_minute(120), TOO_MANY)
ENTRIES_OF_ALL = Budget("all who walk in by the meeting link", "meeting", Rate.per_minute(240), TOO_MANY)
KNOCKS_OF_ONE = Budget(
    "knocks and entries of one account, or with one personal link; hosts never",
    "meeting and account, or link",
    Rate.per_minute(10),
    TOO_MANY,
)
MAILED_CODES = Budget("codes mailed to a guest", "invitation and address", Rate.per_hour(4), "no further mail")
MAILED_CODES_OF_ALL = Budget("the same, whoever asks", "invitation", Rate.per_hour(12), "no further mail")
GIVEN_CODES = Budget("codes mailed to addresses that people give", "address", Rate.per_hour(30), "no further mail")
GIVEN_CODES_OF_ADDRESS = Budget("the same, whoever gives it", "mail address", Rate.per_hour(12), "no further mail")
GIVEN_CODES_OF_DEVICE = Budget("the same, whatever is given", "device", Rate.per_hour(6), "no further mail")
GIVEN_CODES_OF_MEETING = Budget("the same, of everybody", "meeting", Rate.per_hour(200), "no further mail")
CODE_TRIES = Budget("digits typed for one mailed code", "code", 5, "the code is dead", unit="")
ASKED_LINKS = Budget("forms that ask for a new personal link by mail", "address", Rate.per_hour(20), TOO_MANY)
ASKED_LINKS_OF_ONE = Budget("the same for one address", "mail address", Rate.per_hour(6), "no further mail, same page")
MOVES = Budget("wishes to take a personal link over", "invitation", Rate.per_hour(6), "refused with the time to wait")

# Sockets

OPENING_SOCKETS = Budget("sockets that have not said hello", "address", 50, "close 4429")
SOCKETS = Budget("sockets", "address", 500, "close 4429")
MESSAGES = Budget("messages", "socket", Rate(20, 60), "`too_many`; close 4429 at 200 over")
STRIKES = Budget("messages that are none", "socket", Rate(10 / 60, 10), "close 4400")
CHAT = Budget("chat messages", "person", Rate(5, 10), "`too_many`")
SIGNALS = Budget("hands, reactions, switches", "person", Rate(5, 15), "`too_many`")
SPEECH = Budget("words that one speaks, or no longer does", "person", Rate(4, 12), "`too_many`")
NEGOTIATIONS = Budget("beginnings of media, and offers of what one sends", "person", Rate(2, 20), "`too_many`")
COMINGS = Budget(
    "comings into the group of an encrypted meeting, and commits that one can't follow",
    "person",
    Rate(0.2, 10),
    "`too_many`",
)
COMMITS = Budget("commits to that group", "person", Rate(2, 40), "`too_many`; somebody else is asked")
SHOWN = Budget("lists of the pictures that one shows", "person", Rate(5, 15), "`too_many`")
WAITING = Budget("people at the door who have the meeting link alone", "meeting", 100, "close 4429")
WAITING_OF_A_NETWORK = Budget("the same, of one network", "meeting and network", 50, "close 4429")
WAITING_KNOWN = Budget(
    "people at the door with an account or a personal link", "meeting", 200, "close 4429; hosts never"
)

# Accounts

SIGN_INS = Budget("sign-in forms", "address", Rate.per_minute(60), TOO_MANY)
FAILED_SIGN_INS = Budget("wrong passwords", "address", Rate.per_minute(10), TOO_MANY)
FAILED_SIGN_INS_OF_ONE = Budget(
    "wrong passwords for one account", "address; or a browser that signed in before", _in_five_minutes(5), TOO_MANY
)
FAILED_SIGN_INS_OF_ALL = Budget(
    "wrong passwords for one account from browsers that never signed in", "account", Rate.per_hour(60), TOO_MANY
)
RESETS = Budget("forms that ask for a new password by mail", "address", Rate.per_minute(20), TOO_MANY)
RESET_MAILS = Budget("mails with a link for a new password", "account", Rate.per_hour(4), "no further mail, same page")
RESET_KEYS = Budget("links for a new password that are opened or used", "address", Rate.per_minute(20), TOO_MANY)
SETUP_LINKS = Budget("set-up links that open nothing", "address", Rate.per_minute(20), TOO_MANY)
PASSWORD_CHANGES = Budget("changes of one's own password", "account", Rate.per_minute(5), TOO_MANY)

# Programs

API_REQUESTS = Budget("API requests", "token", Rate(10, 100), TOO_MANY)
API_WRITES = Budget("API requests that write", "token", Rate(2, 60), TOO_MANY)
API_FAILURES = Budget("wrong API tokens", "address", Rate.per_minute(30), TOO_MANY + " for every request from there")

DEVICE_REQUESTS = Budget("requests by WHIP and WHEP", "device", Rate(2, 60), TOO_MANY)
DEVICE_ARRIVALS = Budget("the same that come to the door", "device", Rate.per_minute(12), TOO_MANY)
DEVICE_STRANGERS = Budget(
    "wrong tokens of devices", "address", Rate.per_minute(30), TOO_MANY + " for every such request from there"
)

# Authorization services and streams

STREAM_QUESTIONS = Budget("questions of a stream server", "address", Rate(50, 400), TOO_MANY)
STREAM_STRANGERS = Budget("the same, of those who may not ask", "address", Rate.per_minute(30), TOO_MANY)
REVOCATIONS = Budget("revocations", "authorization service", Rate(20, 200), TOO_MANY)
FALSE_REVOCATIONS = Budget("revocations whose signature does not fit", "address", Rate.per_minute(30), TOO_MANY)

# The server

CONNECTIONS = Budget("connections", "address", 1000, "closed; trusted proxies stand for many and are not counted")
OPENING_CONNECTIONS = Budget("connections without a complete request", "address", 400, "closed")
HTTP_REQUESTS = Budget(
    "requests of any kind",
    "address",
    Rate(300, 40),
    "read later; one answered 429 counts as ten; trusted proxies are not counted",
)

# The audit log

REFUSALS = Budget(
    "refusals with an entry of their own", "network", Rate.per_minute(20), "counted in one entry a minute"
)

ALL: Final[tuple[tuple[str, tuple[Budget, ...]], ...]] = (
    (
        "The door",
        (
            TRIES,
            REQUESTS,
            IN_LINE,
            KNOCKS,
            KNOCKS_OF_ALL,
            ENTRIES,
            ENTRIES_OF_ALL,
            KNOCKS_OF_ONE,
            WAITING,
            WAITING_OF_A_NETWORK,
            WAITING_KNOWN,
            MAILED_CODES,
            MAILED_CODES_OF_ALL,
            GIVEN_CODES,
            GIVEN_CODES_OF_ADDRESS,
            GIVEN_CODES_OF_DEVICE,
            GIVEN_CODES_OF_MEETING,
            CODE_TRIES,
            ASKED_LINKS,
            ASKED_LINKS_OF_ONE,
            MOVES,
        ),
    ),
    (
        "Sockets",
        (OPENING_SOCKETS, SOCKETS, MESSAGES, STRIKES, CHAT, SIGNALS, SPEECH, NEGOTIATIONS, COMINGS, COMMITS, SHOWN),
    ),
    (
        "Accounts",
        (
            SIGN_INS,
            FAILED_SIGN_INS,
            FAILED_SIGN_INS_OF_ONE,
            FAILED_SIGN_INS_OF_ALL,
            RESETS,
            RESET_MAILS,
            RESET_KEYS,
            SETUP_LINKS,
            PASSWORD_CHANGES,
        ),
    ),
    ("Programs", (API_REQUESTS, API_WRITES, API_FAILURES, DEVICE_REQUESTS, DEVICE_ARRIVALS, DEVICE_STRANGERS)),
    ("Authorization services", (STREAM_QUESTIONS, STREAM_STRANGERS, REVOCATIONS, FALSE_REVOCATIONS)),
    ("The server", (CONNECTIONS, OPENING_CONNECTIONS, HTTP_REQUESTS)),
    ("The audit log", (REFUSALS,)),
)
"""In the order of docs/operations.md."""


def as_table() -> str:
    """The list as docs/operations.md shows it."""
    rows = ["| budget | limit | counted for each | beyond it |", "| --- | --- | --- | --- |"]
    for title, budgets in ALL:
        rows.append(f"| **{title}** | | | |")
        rows += [f"| {one.what} | {one.said} | {one.each} | {one.beyond} |" for one in budgets]
    return "\n".join(rows) + "\n"
