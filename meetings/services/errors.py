"""Why a service says no. A service that raises has changed nothing."""

from __future__ import annotations


class NotAHost(Exception):
    """The database, asked now, says that this person does not host this meeting."""


class ModeUnavailable(Exception):
    """The asked-for encryption does not exist here; nothing weaker is put in its place."""


class Wrong(ValueError):
    """A value that cannot be stored: `field` names it, `code` is stable, the text is for people."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code = code
        self.message = message
