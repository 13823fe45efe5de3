"""The delivery service of one encrypted meeting (RFC 9750): who commits next, and in which order everybody is told.

Pure and synchronous: every method takes the time, changes the state and returns what to tell whom, in the order in
which each of them must hear it. Contents are opaque texts; all that is known of them is which epoch they belong to.

The order is one compare-and-swap: a commit counts if it is for the current epoch, and the first one does. Everything
else here is about getting one soon: the oldest member who is up to date is asked, then the next; whoever can't follow
comes again as a new leaf; where nobody can go on, a new group begins. docs/protocol.md section 6 is the contract.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

BATCH_SECONDS: Final = 0.15
CREATE_SECONDS: Final = 3.0
COMMIT_SECONDS: Final = 1.0
COMMIT_SECONDS_PER_MEMBER: Final = 0.01
ANYBODY_AFTER_SECONDS: Final = 3.0
STUCK_AFTER_SECONDS: Final = 10.0
LEAF_SECONDS: Final = 10.0
ASK_AGAIN_SECONDS: Final = 5.0
REFRESH_SECONDS: Final = 30 * 60.0
OLD_EPOCHS: Final = 4
MOST_COMMITS_KEPT: Final = 64
MOST_BYTES_KEPT: Final = 768 * 1024

Outbox = list[tuple[str, dict[str, Any]]]


class NotNow(Exception):
    """The message does not fit the state: somebody else was first, or the sender is not who may do this."""


@dataclass
class Member:
    """A leaf of the group, as far as the server knows. `since` orders by age; `applied` is the newest epoch followed.

    `joined`: the place in the order at which they came; what was said before is not theirs. `lost_at`: since when
    nothing was heard of them. A stale member can't follow and has to come again. `by`: who added them.
    """

    participant: str
    since: int
    applied: int
    joined: int
    lost_at: float | None = None
    is_stale: bool = False
    is_leaving: bool = False
    by: str = ""

    def is_current(self, epoch: int) -> bool:
        return self.applied == epoch and self.lost_at is None and not self.is_stale and not self.is_leaving


@dataclass
class Arrival:
    """Somebody inside who is not in the group yet. `offer` tells their newest KeyPackage from older ones. `avoids`: by
    whose Welcome they could not come in; somebody else is asked before.
    """

    participant: str
    offer: int
    key_package: str
    declined: dict[str, float] = field(default_factory=dict)
    avoids: str = ""


@dataclass(frozen=True)
class Kept:
    """One message of the order. Whoever comes back within the log hears what they missed."""

    seq: int
    sender: str
    message: Mapping[str, Any]
    size: int
    is_commit: bool


class Delivery:
    """Starts without a group; the first to say hello is asked to begin one."""

    def __init__(self) -> None:
        self.group: str | None = None
        self.epoch = 0
        self.seq = 0
        self.members: dict[str, Member] = {}
        self.arrivals: dict[str, Arrival] = {}
        self.words: dict[str, str] = {}
        self._log: deque[Kept] = deque()
        self._log_bytes = 0
        self._creator: str | None = None
        self._create_by = 0.0
        self._count = 0
        self._asked: set[str] = set()  # may commit for this epoch
        self._tried: set[str] = set()  # were asked in this round
        self._work_since: float | None = None
        self._ask_at: float | None = None
        self._batch_until = 0.0
        self._activated = -1
        self._refreshed_at = 0.0
        self._may_nack: set[str] = set()
        self._nacked: set[str] = set()
        self._unfit: dict[str, str] = {}  # whose Welcome somebody who has not come again could not follow

    def __repr__(self) -> str:
        return f"<Delivery epoch={self.epoch} members={len(self.members)} arrivals={len(self.arrivals)}>"

    @property
    def held(self) -> frozenset[str]:
        """Who waits because a member found nothing that speaks for them: a host's word would help."""
        return frozenset(pid for pid, arrival in self.arrivals.items() if arrival.declined)

    # Coming and going

    def hello(self, participant: str, key_package: str, now: float) -> Outbox:
        """Somebody inside wants to be in the group, for the first time or again; what they had before is void."""
        self._count += 1
        self.arrivals[participant] = Arrival(
            participant, self._count, key_package, avoids=self._unfit.pop(participant, "")
        )
        self._void(participant, now)
        if self._creator == participant:
            self._creator = None  # a new page, which was not asked yet
        return self._look(now)

    def _void(self, participant: str, now: float) -> None:
        member = self.members.get(participant)
        if member is not None:
            member.is_stale = True
            member.lost_at = now if member.lost_at is None else member.lost_at

    def created(self, participant: str, group: str, now: float) -> Outbox:
        """The one who was asked to has begun a group. Raises `NotNow` for everybody else."""
        if self.group is not None or self._creator != participant:
            raise NotNow("nobody asked you for a group")
        self._count += 1
        self.group, self.epoch, self._creator = group, 0, None
        self._activated = -1
        self._refreshed_at = now
        self._may_nack.clear()
        self.members = {participant: Member(participant, self._count, applied=0, joined=self.seq)}
        self.arrivals.pop(participant, None)
        return self._look(now)

    def present(self, inside: Mapping[str, bool], now: float) -> Outbox:
        """Everybody who is inside now, and whether their socket is open. Whoever is not named is out at once."""
        for participant in [pid for pid in self.arrivals if not inside.get(pid, False)]:
            del self.arrivals[participant]
        for participant, member in self.members.items():
            if participant not in inside:
                member.is_leaving = True
            elif not inside[participant]:
                member.lost_at = now if member.lost_at is None else member.lost_at
        if self._creator is not None and not inside.get(self._creator, False):
            self._creator = None
        for participant in [pid for pid in self._unfit if pid not in inside]:
            del self._unfit[participant]
        return self._look(now)

    def resume(self, participant: str, group: str, seq: int, now: float) -> Outbox:
        """Somebody who kept their state through a cut hears what they missed. Raises `NotNow` when they have to begin
        anew.
        """
        member = self.members.get(participant)
        if member is None or member.is_stale or member.is_leaving or group != self.group or not self._reaches(seq):
            raise NotNow("say hello")
        if seq < member.joined:
            raise NotNow("that was before you came")
        member.lost_at = None
        missed = [
            (participant, dict(kept.message))
            for kept in self._log
            if kept.seq > seq and not self._is_own(kept, participant)
        ]
        return [*missed, *self._look(now)]

    @staticmethod
    def _is_own(kept: Kept, participant: str) -> bool:
        # One's own commit is heard in order like anybody's; one's own message was shown when it was sent.
        return kept.sender == participant and not kept.is_commit

    def _reaches(self, seq: int) -> bool:
        return seq == self.seq or (bool(self._log) and self._log[0].seq <= seq + 1 <= self.seq)

    # Commits

    def commit(
        self, participant: str, group: str, epoch: int, commit: str, welcome: str | None,
        add: Iterable[tuple[str, int]], remove: Iterable[str], now: float,
    ) -> Outbox:  # fmt: skip
        """The first commit for the current epoch counts; for every other `NotNow` is raised and nothing has changed."""
        member = self.members.get(participant)
        added, removed = list(add), list(remove)
        if member is None or group != self.group or epoch != self.epoch or not member.is_current(epoch):
            raise NotNow("another epoch")
        if participant not in self._asked:
            raise NotNow("nobody asked you to commit")
        if any(pid not in self.arrivals or self.arrivals[pid].offer != offer for pid, offer in added):
            raise NotNow("they came again meanwhile")
        if any(pid not in self.members or not self.members[pid].is_leaving for pid in removed):
            raise NotNow("they are not leaving")
        if bool(added) != (welcome is not None):
            raise NotNow("newcomers need a welcome, and only they")
        if not added and not removed and not self._is_refresh_due(now):
            # Everybody would follow, and the newcomers wait on: whoever is asked first could do so without end.
            raise NotNow("it does nothing of what you were asked for")
        old = list(self.members)
        self.epoch += 1
        message = {
            "type": "e2ee.commit", "seq": self._next(), "group": group, "epoch": self.epoch, "from": participant,
            "commit": commit, "add": [pid for pid, _ in added], "remove": removed,
        }  # fmt: skip
        self._keep(Kept(self.seq, participant, message, len(commit), is_commit=True))
        for pid in removed:
            del self.members[pid]
        told = [pid for pid in old if pid not in removed and not self.members[pid].is_stale]
        outbox: Outbox = [(pid, message) for pid in told]
        self._may_nack, self._nacked = {*told} - {participant}, set()
        for pid, _ in added:
            del self.arrivals[pid]
            self._count += 1
            self.members[pid] = Member(pid, self._count, applied=-1, joined=self.seq, by=participant)
            outbox.append(
                (
                    pid,
                    {"type": "e2ee.welcome", "seq": self.seq, "group": group, "epoch": self.epoch, "welcome": welcome},
                )
            )
        if removed or not added:
            self._refreshed_at = now
        self._forget_work()
        return [*outbox, *self._look(now)]

    def decline(self, participant: str, offers: Iterable[tuple[str, int]], *, more: bool, now: float) -> Outbox:
        """Whoever was asked finds nothing that speaks for these newcomers. Others are asked, then the same again.

        `more`: a commit of the rest follows.
        """
        if participant not in self._asked:
            raise NotNow("nobody asked you")
        for pid, offer in offers:
            arrival = self.arrivals.get(pid)
            if arrival is not None and arrival.offer == offer:
                arrival.declined[participant] = now + ASK_AGAIN_SECONDS
        if not more:
            self._forget_work()
        return self._look(now)

    def word(self, participant: str, word: str, now: float) -> Outbox:
        """A host's word for somebody: it is handed to whoever commits, who checks it."""
        self.words[participant] = word
        if participant in self.arrivals:
            self.arrivals[participant].declined.clear()
        return self._look(now)

    def applied(self, participant: str, group: str, epoch: int, now: float) -> Outbox:
        """A member follows the group up to this epoch. Once all do, everybody may use its keys."""
        member = self.members.get(participant)
        if member is None or group != self.group or epoch > self.epoch:
            raise NotNow("another group")
        member.applied = max(member.applied, epoch)
        outbox: Outbox = []
        waiting = [m for m in self.members.values() if m.applied < self.epoch and m.lost_at is None and not m.is_stale]
        if not waiting and self._activated < self.epoch:
            self._activated = self.epoch
            message = {"type": "e2ee.activate", "group": self.group, "epoch": self.epoch}
            outbox = [(pid, message) for pid in self._live()]
        return [*outbox, *self._look(now)]

    def nack(self, participant: str, group: str, epoch: int, now: float) -> Outbox:
        """A member can't follow and will say hello again.

        When half of those who were told the last commit can't follow it, the group is over: something is wrong with
        the commit, not with them.
        """
        member = self.members.get(participant)
        if member is None or group != self.group:
            raise NotNow("another group")
        self._void(participant, now)
        if member.applied < 0:
            self._unfit[participant] = member.by
        if epoch == self.epoch and participant in self._may_nack:
            self._nacked.add(participant)
            if 2 * len(self._nacked) >= len(self._may_nack):
                return self._reset("refused", now)
        return self._look(now)

    # Messages

    def message(
        self, participant: str, group: str, epoch: int, kind: str, content: str, now: float
    ) -> tuple[int, Outbox]:
        """Puts a sealed message into the order. Returns its place, and whom to tell."""
        member = self.members.get(participant)
        if member is None or group != self.group or member.is_stale or member.is_leaving:
            raise NotNow("you are not in the group")
        if not self.epoch - OLD_EPOCHS <= epoch <= self.epoch:
            raise NotNow("another epoch")
        message = {
            "type": "e2ee.app", "seq": self._next(), "group": group, "epoch": epoch, "from": participant,
            "class": kind, "message": content,
        }  # fmt: skip
        self._keep(Kept(self.seq, participant, message, len(content), is_commit=False))
        return self.seq, [(pid, message) for pid in self._live() if pid != participant]

    # Time

    def tick(self, now: float) -> Outbox:
        """Does what is due. Call it at `next_at`."""
        for member in self.members.values():
            if member.lost_at is not None and now >= member.lost_at + LEAF_SECONDS:
                member.is_leaving = True
        if self._creator is not None and now >= self._create_by:
            slow = self.arrivals.pop(self._creator, None)
            if slow is not None:
                self.arrivals[slow.participant] = slow  # the others first
            self._creator = None
        return self._look(now)

    def next_at(self) -> float | None:
        """When something is due next, if nobody says anything before."""
        times = [
            member.lost_at + LEAF_SECONDS
            for member in self.members.values()
            if member.lost_at is not None and not member.is_leaving
        ]
        if self._creator is not None:
            times.append(self._create_by)
        if self._ask_at is not None:
            times.append(self._ask_at)
        elif self.members:
            times.append(self._refreshed_at + REFRESH_SECONDS)
        return min(times) if times else None

    # Deciding

    def _live(self) -> list[str]:
        return [pid for pid, member in self.members.items() if not member.is_stale and not member.is_leaving]

    def _look(self, now: float) -> Outbox:
        """What follows from the state as it is."""
        if self.group is not None and not self._live():
            self._drop_group()
        if self.group is None:
            return self._ask_for_group(now)
        if not self._has_work(now):
            self._forget_work()
            return []
        if self._work_since is None:
            self._work_since = now
            self._ask_at = self._batch_until = now + BATCH_SECONDS
        if now < self._batch_until or (self._is_somebody_at_it() and self._ask_at is not None and now < self._ask_at):
            return []
        if now - self._work_since >= STUCK_AFTER_SECONDS and not self._candidates():
            return self._reset("stuck", now)
        return self._ask_to_commit(now, self._work_since)

    def _is_somebody_at_it(self) -> bool:
        return any(pid in self.members and self.members[pid].is_current(self.epoch) for pid in self._tried)

    def _ask_for_group(self, now: float) -> Outbox:
        if self._creator is not None or not self.arrivals:
            return []
        self._creator = next(iter(self.arrivals))
        self._create_by = now + CREATE_SECONDS
        return [(self._creator, {"type": "e2ee.create"})]

    def _candidates(self) -> list[Member]:
        current = [member for member in self.members.values() if member.is_current(self.epoch)]
        return sorted(current, key=lambda member: member.since)

    def _offers_for(self, committer: str, now: float, *, anybody: bool) -> list[Arrival]:
        """Not those who could not follow this one's Welcome, while somebody else may do better."""
        may_avoid = not anybody and len(self._candidates()) > 1
        return [
            arrival
            for arrival in self.arrivals.values()
            if arrival.declined.get(committer, 0.0) <= now and not (may_avoid and arrival.avoids == committer)
        ]

    def _leaving(self) -> list[str]:
        """Members whose leaf has to go. Who comes again is not among them: their Add takes the old leaf along."""
        return [pid for pid, member in self.members.items() if member.is_leaving and pid not in self.arrivals]

    def _is_refresh_due(self, now: float) -> bool:
        return now >= self._refreshed_at + REFRESH_SECONDS

    def _has_work(self, now: float) -> bool:
        return bool(self.arrivals) or bool(self._leaving()) or self._is_refresh_due(now)

    def _ask_to_commit(self, now: float, since: float) -> Outbox:
        leaving, refresh = self._leaving(), self._is_refresh_due(now)
        anybody = now - since >= ANYBODY_AFTER_SECONDS
        outbox: Outbox = []
        patience = COMMIT_SECONDS + COMMIT_SECONDS_PER_MEMBER * len(self.members)
        for member in self._candidates():
            offers = self._offers_for(member.participant, now, anybody=anybody)
            if member.participant in self._tried or not (offers or leaving or refresh):
                continue
            self._asked.add(member.participant)
            self._tried.add(member.participant)
            outbox.append((member.participant, self._work(offers, leaving, refresh, patience)))
            if not anybody:
                break
        if not outbox:
            self._tried.clear()  # everybody was asked and nobody answered in time: from the beginning
        self._ask_at = now + patience if outbox else self._ask_again_at(now)
        return outbox

    def _ask_again_at(self, now: float) -> float:
        """Nobody can be asked now: somebody will have applied, or a no will have run out, or the group is stuck."""
        holds = [until for arrival in self.arrivals.values() for until in arrival.declined.values() if until > now]
        return min(holds) if holds and self._candidates() else now + COMMIT_SECONDS

    def _work(self, offers: list[Arrival], leaving: list[str], refresh: bool, patience: float) -> dict[str, Any]:
        return {
            "type": "e2ee.work",
            "group": self.group,
            "epoch": self.epoch,
            "add": [
                {
                    "participant": arrival.participant,
                    "offer": arrival.offer,
                    "key_package": arrival.key_package,
                    "word": self.words.get(arrival.participant),
                }
                for arrival in offers
            ],
            "remove": leaving,
            "refresh": refresh,
            "deadline_ms": round(patience * 1000),
        }

    def _forget_work(self) -> None:
        self._asked.clear()
        self._tried.clear()
        self._work_since = self._ask_at = None

    # Beginning anew

    def reset(self, reason: str, now: float) -> Outbox:
        """Ends the group for everybody; they say hello again."""
        return self._reset(reason, now)

    def _reset(self, reason: str, now: float) -> Outbox:
        told = [pid for pid, member in self.members.items() if member.lost_at is None and not member.is_leaving]
        self._drop_group()
        return [*((pid, {"type": "e2ee.reset", "reason": reason}) for pid in told), *self._look(now)]

    def _drop_group(self) -> None:
        self.group = None
        self.members.clear()
        self._log.clear()
        self._log_bytes = 0
        self._forget_work()

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _keep(self, kept: Kept) -> None:
        self._log.append(kept)
        self._log_bytes += kept.size
        commits = sum(one.is_commit for one in self._log)
        while commits > MOST_COMMITS_KEPT or self._log_bytes > MOST_BYTES_KEPT:
            oldest = self._log.popleft()
            self._log_bytes -= oldest.size
            commits -= oldest.is_commit
