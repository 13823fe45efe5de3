"""The C functions that packets pass through, called on memory that never moves. The only file that knows cffi.

A packet is received into `Memory`, decrypted in it, encrypted in it and sent from it; nothing is allocated for it on
the way. libsrtp and the means to call C come from pylibsrtp's extension module, whose private names are listed in
`PRIVATE_NAMES` and guarded by a contract test. Without them (`IN_PLACE` is false) media costs several times as much.
"""

import contextlib
import ctypes
import importlib
import struct
import sys
from typing import Any, Final

import pylibsrtp

from media_engine import COMPILED

DATAGRAM_BYTES: Final = 2048
"""Room for one received datagram. A larger one is no media."""

PRIVATE_NAMES = (
    "pylibsrtp._binding.ffi",
    "pylibsrtp._binding.lib.srtp_protect",
    "pylibsrtp._binding.lib.srtp_protect_rtcp",
    "pylibsrtp._binding.lib.srtp_unprotect",
    "pylibsrtp._binding.lib.srtp_unprotect_rtcp",
    "pylibsrtp.Session._srtp",
)

try:
    from pylibsrtp import _binding

    ffi: Any = _binding.ffi
    srtp_protect: Any = _binding.lib.srtp_protect
    srtp_protect_rtcp: Any = _binding.lib.srtp_protect_rtcp
    srtp_unprotect: Any = _binding.lib.srtp_unprotect
    srtp_unprotect_rtcp: Any = _binding.lib.srtp_unprotect_rtcp
    pylibsrtp.Session()._srtp[0]  # noqa: SLF001 - the contract of PRIVATE_NAMES
    IN_PLACE = True
except (ImportError, AttributeError):  # pragma: no cover - only after an upgrade of pylibsrtp
    ffi = None
    IN_PLACE = False


_SRTP_FUNCTION = "srtp_err_status_t(*)(struct srtp_ctx_t_ *, void *, int *)"
"""What C calls of libsrtp, and what it has like it."""
CIPHER_FUNCTIONS: Final = (
    *("EVP_CIPHER_CTX_new", "EVP_CIPHER_CTX_free", "EVP_aes_128_gcm", "EVP_EncryptInit_ex", "EVP_EncryptUpdate"),
    *("EVP_EncryptFinal_ex", "EVP_DecryptInit_ex", "EVP_DecryptUpdate", "EVP_DecryptFinal_ex", "EVP_CIPHER_CTX_ctrl"),
)
"""OpenSSL's, which pylibsrtp's extension module brings with it, in the order of `aead.c`."""


CIPHER_FUNCTION: Final = "int (*)(void *, void *, int *)"
"""What `aead.c` encrypts and decrypts by."""
_KNOWN_PACKETS: Final = (
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573",
    "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f"
    "42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
)
"""A packet, and what it is encrypted: RFC 7714, section 16.1.1."""


def address_of(place: Any) -> int:
    """The address of a function, or the one that a place of some `Memory` stands for."""
    return int(ffi.cast("uintptr_t", place)) if IN_PLACE else int(place)


def srtp_function(name: str) -> int:
    """Where libsrtp has it; 0 where it isn't what the engine's C was written for."""
    function = ffi.addressof(_binding.lib, name) if IN_PLACE else None
    return address_of(function) if function is not None and ffi.typeof(function).cname == _SRTP_FUNCTION else 0


def bind_cipher(module: Any) -> Any:
    """`aead.c`, having been told where OpenSSL is. Raises ImportError where pylibsrtp doesn't show it, or where it
    doesn't encrypt: AES-128-GCM may be left out of OpenSSL, or not allowed, and then no transport could begin."""
    try:
        brought = ctypes.CDLL(_binding.__file__)
        functions = [ctypes.cast(getattr(brought, name), ctypes.c_void_p).value for name in CIPHER_FUNCTIONS]
    except (AttributeError, OSError) as missing:
        raise ImportError(f"pylibsrtp has another OpenSSL: {missing}") from None
    module.bind(*functions)
    _try_cipher(module)
    return module


def _try_cipher(module: Any) -> None:
    """Encrypts and decrypts what RFC 7714 does (section 16.1.1). Raises ImportError where something else comes out."""
    plain, sealed = (bytes.fromhex(text) for text in _KNOWN_PACKETS)
    packet, length = ffi.new("unsigned char[]", plain.ljust(len(sealed), b"\0")), ffi.new("int *")
    for name, given, wanted in (("PROTECT", plain, sealed), ("UNPROTECT", sealed, plain)):
        try:
            context = module.Context(bytes(range(16)), b"Quid pro quo")
        except ValueError as missing:
            raise ImportError(str(missing)) from None
        length[0] = len(given)
        refused = ffi.cast(CIPHER_FUNCTION, getattr(module, name))(ffi.cast("void *", context.address), packet, length)
        if refused or bytes(ffi.buffer(packet, length[0])) != wanted:
            raise ImportError("OpenSSL's AES-128-GCM is not that of RFC 7714")


inner: Any = None
"""The inner loops in C (`inner.c`), where `./run compile` has made them; else the Python beside each call of them."""
aead: Any = None
"""What encrypts and decrypts RTP in C (`aead.c`), where `./run compile` has made it; else libsrtp does."""
if COMPILED == "compiled" and IN_PLACE:  # what lies beside the sources nobody has compared with them
    with contextlib.suppress(ImportError):
        inner = importlib.import_module("media_engine.inner")
    with contextlib.suppress(ImportError):
        aead = bind_cipher(importlib.import_module("media_engine.aead"))


class Memory:
    """`size` bytes that never move. `view` is for Python, `address` for structures, `place` for functions.

    `place + offset` is a place, too.
    """

    __slots__ = ("_array", "address", "place", "view")

    def __init__(self, size: int) -> None:
        self._array = (ctypes.c_ubyte * size)()
        self.view = memoryview(self._array).cast("B")
        self.address = ctypes.addressof(self._array)
        self.place: Any = ffi.cast("unsigned char *", self.address) if IN_PLACE else self.address


def address_of_bytes(data: bytes) -> int:
    """Where the bytes of `data` are, as long as it is kept; 0 where no C is called."""
    return address_of(ffi.from_buffer(data)) if IN_PLACE else 0


def _libc_function(name: str, signature: str) -> Any:
    """A function of the C library, or None where it has none of that name or its structures look different."""
    if not IN_PLACE or sys.platform != "linux" or struct.calcsize("P") != 8:
        return None
    with contextlib.suppress(AttributeError, OSError):
        address = ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
        return ffi.cast(signature, address)
    return None


recvmmsg: Any = _libc_function("recvmmsg", "int (*)(int, void *, unsigned int, int, void *)")
sendmmsg: Any = _libc_function("sendmmsg", "int (*)(int, void *, unsigned int, int)")


def error_number() -> int:
    """`errno` of the last call."""
    return int(ffi.errno)
