"""All that is known about the way to one receiver, and what follows from it for pictures. Pure.

Puts together what its parts conclude: which packets came when (`numbered.py`, `estimator.py`), what the way carries
(`downlink.py`), when pictures pause (`draining.py`), and how much is sent beside them to learn whether there is room.
Who is sent what is not decided here.
"""

import math

from media_engine.downlink import Downlink
from media_engine.draining import Draining
from media_engine.estimator import Estimator
from media_engine.feedback import TransportFeedback
from media_engine.numbered import Numbered

_ALLOCATE_SECONDS = 0.5
_AFTER_PROBING_SECONDS = 0.5
"""So long padding may still be in the way: nothing is wrong with the pictures."""
_EMPTY_SECONDS = 0.05
"""A queue of no more than this is none."""


class Way:
    """`allocate_at` is when to ask anew which encodings fit: what comes and what gets through changes by itself."""

    __slots__ = (
        "_is_counted",
        "_least_queue",
        "_lost",
        "_owed",
        "_padding",
        "_probed_at",
        "allocate_at",
        "downlink",
        "draining",
        "estimator",
        "numbered",
    )

    def __init__(self) -> None:
        self.downlink = Downlink()
        self.numbered = Numbered()
        self.estimator = Estimator()
        self.draining = Draining()
        self.allocate_at = 0.0
        self._is_counted = False
        """Whether the receiver has said which packets came when: then its own estimate (REMB) is of no use."""
        self._least_queue = math.inf
        """Of the time since losses were last told of. What is full has one all the time."""
        self._lost = self._padding = self._owed = 0.0
        self._probed_at = -math.inf

    def on_receivers_estimate(self, bits_per_second: float, now: float) -> None:
        """A REMB has come."""
        if not self._is_counted:
            self._estimated(bits_per_second, now)

    def _estimated(self, bits_per_second: float, now: float) -> None:
        before = self.downlink.available
        self.downlink.on_estimate(bits_per_second, now)
        if self.downlink.available < before:
            self.allocate_at = now

    def on_feedback(self, feedback: TransportFeedback, sound: float, now: float) -> bool:
        """The receiver says which packets came when. Whether pictures have to pause now, as they fill the way.

        `sound` is sent beside them without numbers, in bits per second.
        """
        arrivals = self.numbered.match(feedback)
        if not arrivals:
            return False
        self._is_counted = True
        estimator, draining = self.estimator, self.draining
        is_probing = now < self._probed_at + _AFTER_PROBING_SECONDS
        is_too_much = estimator.on_arrivals(arrivals, sound, now, is_probing=is_probing)
        self._least_queue = min(self._least_queue, estimator.queue_seconds)
        if estimator.bits_per_second < math.inf:
            self._estimated(estimator.bits_per_second, now)
        if is_too_much:
            self._padding = 0.0
        backlog = estimator.seconds_of(self.numbered.outstanding_octets) - estimator.report_seconds
        draining.on_backlog(backlog, now)
        queue = estimator.queue_seconds if is_too_much and not is_probing else 0.0
        must_pause = draining.on_queue(queue, arrivals[-1][0], backlog, now)
        if now < draining.until:
            self.allocate_at = draining.until
        return must_pause

    def on_loss(self, fraction: float, now: float) -> None:
        """The share of packets of all streams together that did not arrive since this was last said, 0 to 1."""
        self._lost += (fraction - self._lost) / 3
        is_empty, self._least_queue = self._least_queue < _EMPTY_SECONDS, math.inf
        self.downlink.on_loss(self._lost if is_empty else fraction, now, is_empty=is_empty)

    def is_paused(self, now: float) -> bool:
        """Whether no pictures are sent. Ask whenever it is asked which encodings fit; says when to ask again."""
        is_paused = now < self.draining.until
        self.allocate_at = self.draining.until if is_paused else now + _ALLOCATE_SECONDS
        return is_paused

    def probe(self, wanted_more: float, media: float, now: float) -> None:
        """So many bits per second more are wanted beside `media`: from now on learn whether they fit."""
        self._padding = self.downlink.padding(wanted_more, media, now)

    def padding_octets(self, seconds: float, now: float) -> int:
        """How much to send now so that in `seconds` it is as much as was asked for; then say what was `padded`."""
        if not self._padding:
            return 0
        self._probed_at = now
        most = self._padding * seconds / 8
        self._owed = min(most, self._owed + most)
        return max(0, math.ceil(self._owed))

    def padded(self, octets: int) -> None:
        """So much was sent: what was a packet too much is less the next time."""
        self._owed -= octets
