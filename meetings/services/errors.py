"""Why a service says no. A service that raises has changed nothing."""

from __future__ import annotations

from collections.abc import Iterable


class NotAHost(Exception):
    """The database, asked now, says that this person does not host this meeting."""


class Wrong(ValueError):
    """A value that cannot be stored: `field` names it, `code` is stable, the text is for people.

    `more`: further fields that are wrong for the same reason, each with its text.
    """

    def __init__(self, field: str, code: str, message: str, *, more: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.field = field
        self.code = code
        self.message = message
        self.more = tuple(more)

    @property
    def each(self) -> tuple[tuple[str, str], ...]:
        return ((self.field, self.message), *self.more)


class NotAnAdministrator(Exception):
    """The database, asked now, says that this person does not administer the organisation."""
