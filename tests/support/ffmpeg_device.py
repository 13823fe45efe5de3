"""FFmpeg's own WHIP muxer as a device: `python -m tests.support.ffmpeg_device ADDRESS TOKEN` sends until it is ended.

A process of its own: while FFmpeg shakes hands nothing else runs in its interpreter.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

WIDTH, HEIGHT, FRAMES_PER_SECOND, SAMPLES = 160, 90, 20, 960


def make_certificate(directory: Path) -> dict[str, str]:
    """A key on P-256, as options: an FFmpeg that was built with GnuTLS makes itself one on P-224, which isn't taken."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "encoder")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (directory / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    (directory / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return {"cert_file": str(directory / "cert.pem"), "key_file": str(directory / "key.pem")}


def main(address: str, token: str) -> None:
    import av  # noqa: TID251 - FFmpeg comes with aiortc; the engine itself never decodes

    certificate = make_certificate(Path(tempfile.mkdtemp(prefix="encoder-")))
    options = {"authorization": token, "whip_flags": "dtls_active", **certificate}
    encoder = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "g": "20"}
    with av.open(address, "w", format="whip", options=options) as out:
        video = out.add_stream("libx264", rate=FRAMES_PER_SECOND, options=encoder)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = out.add_stream("libopus", rate=48000)
        audio.layout = "stereo"
        start, number, sounds = time.monotonic(), 0, 0
        while True:
            picture = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            out.mux(video.encode(picture))
            number += 1
            while sounds * SAMPLES / 48000 < number / FRAMES_PER_SECOND:
                sound = av.AudioFrame(format="s16", layout="stereo", samples=SAMPLES)
                sound.sample_rate, sound.pts, sound.time_base = 48000, sounds * SAMPLES, Fraction(1, 48000)
                out.mux(audio.encode(sound))
                sounds += 1
            if number == 1:
                sys.stdout.write("sending\n")
                sys.stdout.flush()
            time.sleep(max(0.0, start + number / FRAMES_PER_SECOND - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
