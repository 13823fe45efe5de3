"""Which encoding of each picture one receiver is sent. Pure.

A camera may come in several encodings (simulcast, RFC 8853), smallest first. Sound is served before this is asked; what
is left of the receiver's bandwidth goes to pictures: first the smallest encoding of each in the order of importance,
then larger ones in the same order, none larger than its tile needs. A picture that is not shown gets nothing. An
estimate decides how large pictures are and how smoothly they move, never whether there are any: it may be wrong, and a
black tile surely is. Only loss takes pictures away, and never the most important one.
"""

from collections.abc import Sequence
from typing import NamedTuple

from media_engine.thinning import ALL

PAUSED = -1
_RAISE_FACTOR = 1.15
"""How much more must fit than a larger encoding takes: what is sent already needs no more than itself."""


class Picture(NamedTuple):
    """One published picture that a receiver may have.

    `rates` are the bits per second of its encodings, smallest first, 0 for one that does not come. `largest` is the
    index of the largest that its tile needs, `PAUSED` for one that is not shown; `sent` the one that flows now.
    `shares` are those of its temporal layers, the lowest first, each with those below it; `most` is the highest of them
    that is sent now.
    """

    rates: tuple[float, ...]
    largest: int
    sent: int
    shares: tuple[float, ...] = (1.0,)
    most: int = ALL


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
    chosen, paid = [PAUSED] * len(pictures), [0.0] * len(pictures)
    is_first = True
    for number, picture in enumerate(pictures):
        smallest = _next(picture, PAUSED)
        if smallest is None:
            continue
        least = picture.shares[0]
        share = 1.0 if _fits(picture, smallest, 0.0, left_without_loss) else least
        if is_first or _fits(picture, smallest, 0.0, left_without_loss, share):
            chosen[number], paid[number] = smallest, picture.rates[smallest] * share
            left -= paid[number]
            left_without_loss -= paid[number]
            is_first = False
    for number, picture in enumerate(pictures):
        while chosen[number] != PAUSED:
            larger = _next(picture, chosen[number])
            if larger is None or larger > picture.largest:
                break
            if not _fits(picture, larger, paid[number], left):
                break
            left -= picture.rates[larger] - paid[number]
            chosen[number], paid[number] = larger, picture.rates[larger]
    return chosen


def thinned(pictures: Sequence[Picture], chosen: Sequence[int], left: float) -> list[int]:
    """The highest temporal layer that is sent of each of `pictures`, in the encodings that were `chosen`.

    Where these take more than is `left`, layers are left out, of the least important picture first. It has all of them
    again where that takes less by 15 %.
    """
    most = [picture.most if index == PAUSED else ALL for picture, index in zip(pictures, chosen, strict=True)]
    over = -left
    for picture, index in zip(pictures, chosen, strict=True):
        if index != PAUSED:
            over += picture.rates[index] * (_RAISE_FACTOR if picture.most != ALL else 1.0)
    for number in reversed(range(len(pictures))):
        picture, index = pictures[number], chosen[number]
        for layer in range(len(picture.shares) - 2, -1, -1) if index != PAUSED else ():
            if over <= 0:
                break
            over -= picture.rates[index] * (picture.shares[layer + 1] - picture.shares[layer])
            most[number] = layer
    return most


def wanted_more(pictures: Sequence[Picture], chosen: Sequence[int], most: Sequence[int] = ()) -> float:
    """How many bits per second more the next step of the most important picture would take; 0 for none.

    That is all of its temporal layers, where `most` says that there are some that it has not, else its next larger
    encoding.
    """
    for number, (picture, index) in enumerate(zip(pictures, chosen, strict=True)):
        if most and most[number] != ALL:
            return picture.rates[index] * (_RAISE_FACTOR - picture.shares[most[number]])
        larger = _next(picture, index)
        if larger is not None and (larger <= picture.largest or index == PAUSED):
            return picture.rates[larger] * _RAISE_FACTOR - (picture.rates[index] if index != PAUSED else 0.0)
    return 0.0


def _next(picture: Picture, index: int) -> int | None:
    """The next larger encoding that comes; None for a picture that is not shown, too."""
    if picture.largest == PAUSED:
        return None
    return next((larger for larger in range(index + 1, len(picture.rates)) if picture.rates[larger]), None)


def _fits(picture: Picture, index: int, paid: float, left: float, share: float = 1.0) -> bool:
    factor = 1.0 if index <= picture.sent else _RAISE_FACTOR
    return picture.rates[index] * share * factor - paid <= left
