"""What a payload descriptor in front of a picture says about it, whichever codec the descriptor is of. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class PictureDescriptor:
    """Offsets are counted from the start of the payload; 0 means that the field is absent.

    `picture_id_bits` is 7 or 15, or 0 without a picture id. Picture id and TL0PICIDX are laid out alike in VP8 (RFC
    7741, section 4.2) and VP9 (RFC 9628, section 4.2): the upper bit of a picture id says that it has 15 bits.

    `layer` is the temporal layer of the picture, 0 where it does not say. `needs_lowest_alone`: of the pictures before
    it needs only such of layer 0. `frees_higher`: what follows in higher layers needs nothing from before it that is in
    one of these.
    """

    key_frame_start: bool
    picture_id: int
    picture_id_offset: int
    picture_id_bits: int
    tl0: int
    tl0_offset: int
    layer: int = 0
    needs_lowest_alone: bool = False
    frees_higher: bool = False
