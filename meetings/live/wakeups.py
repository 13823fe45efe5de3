"""Which changes have been heard of, and which are news: the `Change` rows of this process and of others."""

from __future__ import annotations

from collections.abc import Iterable

from meetings.models import Change

LOOK_BACK = 200

Row = tuple[int, object]


class ChangeReader:
    """Returns every change once, even one whose transaction took its number early and committed late.

    `newest` and `read` ask the database, in a thread of theirs; the others belong to the loop.
    """

    def __init__(self) -> None:
        self._newest = 0
        self._seen: set[int] = set()

    @staticmethod
    def newest() -> int:
        return Change.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def start_after(self, number: int) -> None:
        """Starts with now: whoever is seated from now on is decided from the database as it is."""
        self._newest = number
        self._seen = set(range(number - LOOK_BACK, number + 1))

    def note(self, number: int) -> None:
        """This process made the change and knows of it."""
        self._seen.add(number)

    def read(self) -> list[Row]:
        return list(Change.objects.filter(pk__gt=self._newest - LOOK_BACK).values_list("pk", "occurrence_id"))

    def news(self, rows: Iterable[Row]) -> list[str | None]:
        """Returns the ids of the occurrences that changed, of which nobody has heard; None stands for any of them."""
        touched: dict[str | None, None] = {}
        for number, occurrence_id in rows:
            self._newest = max(self._newest, number)
            if number not in self._seen:
                self._seen.add(number)
                touched[None if occurrence_id is None else str(occurrence_id)] = None
        if len(self._seen) > 3 * LOOK_BACK:
            self._seen = {number for number in self._seen if number > self._newest - LOOK_BACK}
        return list(touched)
