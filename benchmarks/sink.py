"""A receiver that can keep up with a media server: counts every packet, decrypts one in sixteen.

The generator has one core, as the server has. Reading and decrypting in the ordinary way, it would be the slower of the
two; so datagrams are read by `recvmmsg`, counted by their headers, which SRTP leaves in the clear, and only a sample is
decrypted, for its stamp.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from cffi import FFI

from tests.support.rtc_client import Client
from tests.support.rtc_transport import Transport

BATCH = 64
SLOT_BYTES = 2048
CONTROL_BYTES = 64
EVERY_PACKET, ONE_IN_SIXTEEN = 0, 15

_ffi = FFI()
_ffi.cdef("""
struct iovec { void *iov_base; size_t iov_len; };
struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                void *msg_control; size_t msg_controllen; int msg_flags; };
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
int recvmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
""")
_libc: Any = _ffi.dlopen(None)
_memory = _ffi.new("unsigned char[]", BATCH * SLOT_BYTES)
_control_memory = _ffi.new("unsigned char[]", BATCH * CONTROL_BYTES)
_vectors = _ffi.new("struct iovec[]", BATCH)
_messages = _ffi.new("struct mmsghdr[]", BATCH)
for _index in range(BATCH):
    _vectors[_index].iov_base = _memory + _index * SLOT_BYTES
    _vectors[_index].iov_len = SLOT_BYTES
    _header = _messages[_index].msg_hdr
    _header.msg_iov, _header.msg_iovlen = _vectors + _index, 1
    _header.msg_control, _header.msg_controllen = _control_memory + _index * CONTROL_BYTES, CONTROL_BYTES
_buffer = memoryview(_ffi.buffer(_memory))
_control = memoryview(_ffi.buffer(_control_memory))
_headers = memoryview(_ffi.buffer(_messages))
_pristine = bytes(_headers)
_HEADER_BYTES = _ffi.sizeof("struct mmsghdr")
_LENGTH_AT = _ffi.offsetof("struct mmsghdr", "msg_len")
_length = struct.Struct("@I").unpack_from


class Sink(Transport):
    """A transport whose media is counted in `packets`. `sampling` says which are decrypted."""

    packets = 0
    sampling = EVERY_PACKET

    def _drain(self) -> None:
        if self.srtp is None:
            super()._drain()
            return
        descriptor = self.socket.fileno()
        while True:
            count = _libc.recvmmsg(descriptor, _messages, BATCH, socket.MSG_DONTWAIT, _ffi.NULL)
            if count <= 0:
                return
            for index in range(count):
                at = index * SLOT_BYTES
                if 128 <= _buffer[at] < 192 and not 192 <= _buffer[at + 1] <= 223:
                    self.packets += 1
                    if not _buffer[at + 3] & self.sampling:
                        self._sample(index, at)
                else:
                    self._take_other(index, at)
            used = count * _HEADER_BYTES
            _headers[:used] = _pristine[:used]  # the kernel has written the control lengths over
            if count < BATCH:
                return

    def _sample(self, index: int, at: int) -> None:
        assert self.srtp is not None
        size = _length(_headers, index * _HEADER_BYTES + _LENGTH_AT)[0]
        self.srtp.incoming[:size] = _buffer[at : at + size]
        control = bytes(_control[index * CONTROL_BYTES + 16 : index * CONTROL_BYTES + 32])
        self._take_srtp(self.srtp.incoming, size, [(0, 0, control)])

    def _take_other(self, index: int, at: int) -> None:
        size = _length(_headers, index * _HEADER_BYTES + _LENGTH_AT)[0]
        if size and self.srtp is not None:
            self.srtp.incoming[:size] = _buffer[at : at + size]
            self.take_datagram(self.srtp.incoming, size, [])


class Listener(Client):
    """A participant that counts what it is sent by the cheapest way."""

    subscribe_transport = Sink

    @property
    def packets_received(self) -> int:
        """All media packets, of whichever stream."""
        return self.subscribe.packets if isinstance(self.subscribe, Sink) else 0

    def sample(self, which: int) -> None:
        """Decrypt `EVERY_PACKET` or `ONE_IN_SIXTEEN`."""
        if isinstance(self.subscribe, Sink):
            self.subscribe.sampling = which
