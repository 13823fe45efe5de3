"""The codecs that are passed on, and who reads of each what the engine has to know of a payload. Pure.

Nothing is decoded. Of a picture it is asked where a key frame begins, and which numbers stand in front of it.
"""

from media_engine import av1, h264, vp8, vp9

OPUS, VP8, VP9, AV1, H264 = "opus", "vp8", "vp9", "av1", "h264"
PICTURES = frozenset({VP8, VP9, AV1, H264})
SEALED = frozenset({OPUS, VP8})
"""What a sealed session takes: frames are sealed in these alone (docs/encryption.md)."""

DESCRIPTORS = {VP8: vp8.decode_descriptor, VP9: vp9.decode_descriptor}
"""Of codecs whose pictures are numbered."""
KEY_FRAMES = {H264: h264.starts_key_frame, AV1: av1.starts_key_frame}
"""Of the others."""
