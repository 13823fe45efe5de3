"""Reads what other processes changed: the `Change` rows since the last time. Runs in a database thread."""

from __future__ import annotations

from meetings.models import Change

LOOK_BACK = 200


class ChangeReader:
    """Returns every change once, even one whose transaction took its number early and committed late."""

    def __init__(self) -> None:
        self._newest = 0
        self._seen: set[int] = set()

    def skip_what_is_there(self) -> None:
        """Starts with now: whoever is seated from now on is decided from the database as it is."""
        newest = Change.objects.order_by("-pk").values_list("pk", flat=True).first()
        self._newest = newest or 0
        self._seen = set(range(self._newest - LOOK_BACK, self._newest + 1))

    def read(self) -> list[str | None]:
        """Returns the ids of the occurrences that changed; None stands for any of them."""
        rows = Change.objects.filter(pk__gt=self._newest - LOOK_BACK).values_list("pk", "occurrence_id")
        touched: dict[str | None, None] = {}
        for number, occurrence_id in rows:
            if number in self._seen:
                continue
            self._seen.add(number)
            self._newest = max(self._newest, number)
            touched[None if occurrence_id is None else str(occurrence_id)] = None
        if len(self._seen) > 3 * LOOK_BACK:
            self._seen = {number for number in self._seen if number > self._newest - LOOK_BACK}
        return list(touched)
