"""Which encoding of each picture one receiver is sent. Pure.

A camera may come in several encodings (simulcast, RFC 8853), smallest first. Sound is served before this is asked; what
is left of the receiver's bandwidth goes to pictures: first the smallest encoding of each in the order of importance,
then larger ones in the same order, none larger than its tile needs. A picture that is not shown gets nothing. An
estimate decides how large pictures are, never whether there are any: it may be wrong, and a black tile surely is. Only
loss takes pictures away, and never the most important one.
"""

from collections.abc import Sequence
from typing import NamedTuple

PAUSED = -1
_RAISE_FACTOR = 1.15
"""How much more must fit than a larger encoding takes: what is sent already needs no more than itself."""


class Picture(NamedTuple):
    """One published picture that a receiver may have.

    `rates` are the bits per second of its encodings, smallest first, 0 for one that does not come. `largest` is the
    index of the largest that its tile needs, `PAUSED` for one that is not shown; `sent` the one that flows now.
    """

    rates: tuple[float, ...]
    largest: int
    sent: int


def largest_needed(encodings: int, full_height: int, tile_height: float) -> int:
    """The index of the smallest of `encodings` that fills a tile of so many device pixels; `PAUSED` for none.

    Each encoding has half the height of the next; the last has `full_height`.
    """
    if tile_height <= 0:
        return PAUSED
    for index in range(encodings - 1):
        if full_height >> (encodings - 1 - index) >= tile_height:
            return index
    return encodings - 1


def allocate(pictures: Sequence[Picture], estimated: float, arriving: float) -> list[int]:
    """The index of the encoding that each of `pictures`, most important first, is sent; `PAUSED` for none.

    In bits per second, `estimated` is what the way should carry, `arriving` what gets through without loss.
    Where a picture's tile needs more than comes, the largest that comes is taken; where only larger ones come, the
    smallest of these.
    """
    left, left_without_loss = min(estimated, arriving), arriving
    chosen = [PAUSED] * len(pictures)
    is_first = True
    for number, picture in enumerate(pictures):
        smallest = _next(picture, PAUSED)
        if smallest is not None and (is_first or _fits(picture, smallest, 0.0, left_without_loss)):
            chosen[number] = smallest
            left -= picture.rates[smallest]
            left_without_loss -= picture.rates[smallest]
            is_first = False
    for number, picture in enumerate(pictures):
        while chosen[number] != PAUSED:
            larger = _next(picture, chosen[number])
            if larger is None or larger > picture.largest:
                break
            more = picture.rates[larger] - picture.rates[chosen[number]]
            if not _fits(picture, larger, picture.rates[chosen[number]], left):
                break
            left -= more
            chosen[number] = larger
    return chosen


def wanted_more(pictures: Sequence[Picture], chosen: Sequence[int]) -> float:
    """How many bits per second more the next larger encoding of the most important picture would take; 0 for none."""
    for picture, index in zip(pictures, chosen, strict=True):
        larger = _next(picture, index)
        if larger is not None and (larger <= picture.largest or index == PAUSED):
            return picture.rates[larger] * _RAISE_FACTOR - (picture.rates[index] if index != PAUSED else 0.0)
    return 0.0


def _next(picture: Picture, index: int) -> int | None:
    """The next larger encoding that comes; None for a picture that is not shown, too."""
    if picture.largest == PAUSED:
        return None
    return next((larger for larger in range(index + 1, len(picture.rates)) if picture.rates[larger]), None)


def _fits(picture: Picture, index: int, paid: float, left: float) -> bool:
    factor = 1.0 if index <= picture.sent else _RAISE_FACTOR
    return picture.rates[index] * factor - paid <= left
