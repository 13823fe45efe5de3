"""Limits and addresses of one engine. Pure.

Every limit exists because somebody can otherwise make the process work or grow without being asked.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineConfig:
    """Where the engine listens and how much it puts up with. Units are in the names."""

    host: str = "127.0.0.1"
    port: int = 8801
    tcp_port: int | None = None
    """Where media may come over TCP (RFC 6544), on the same host; 0 lets the kernel choose, None is nowhere."""
    public_addresses: tuple[str, ...] = ()
    """Addresses printed as candidates. Empty: the bound address, or this host's addresses when bound to all."""

    consent_timeout_seconds: float = 30.0
    """To a transport from which nothing authenticated has come for so long nothing more is sent (RFC 7675)."""
    closed_after_seconds: float = 60.0
    """After so long it is closed. Whoever comes back before needs no new keys."""
    disconnected_after_seconds: float = 7.0
    """After so long it is reported as disconnected."""
    setup_timeout_seconds: float = 30.0
    """A transport that has not finished ICE and DTLS by then is closed."""
    source_silent_after_seconds: float = 10.0
    forgotten_after_expiry_seconds: float = 60.0
    """A peer whose lease has been over for so long is revoked."""

    tick_seconds: float = 0.05
    feedback_interval_seconds: float = 0.1
    receiver_report_interval_seconds: float = 1.0
    key_frame_interval_seconds: float = 0.5
    """Shortest time between two key-frame requests for one track; earlier ones are deferred."""

    max_sdp_bytes: int = 64 * 1024
    max_sections: int = 32
    """m-lines in an offer from a client."""
    max_subscribe_sections: int = 64
    """m-lines in an offer to a client, half of them for sound. Where more people send, who is heard or seen has one."""
    max_sessions: int = 1000
    max_peers_per_session: int = 200
    max_ssrcs_per_transport: int = 64
    """Distinct SSRCs that a client may ever send on one transport, in RTP and RTCP together: libsrtp keeps each."""
    max_packets_per_second_per_transport: int = 4000
    max_rtcp_per_second_per_transport: int = 400
    max_retransmissions_per_second_per_peer: int = 500
    max_feedback_per_second_per_peer: int = 60
    """Transport-wide feedback that a receiver is listened to: browsers send twenty a second at most."""
    max_references_per_second_per_peer: int = 100
    """Measurements of the round trip that a receiver is answered: browsers make one a second for each m-line."""
    max_checks_per_second_per_transport: int = 400
    """STUN datagrams from addresses of one transport. Browsers send one every 2.5 seconds."""
    max_return_checks_per_second_per_transport: int = 20
    """Binding requests of ours, to addresses to which a transport would move."""
    max_dtls_per_second_per_transport: int = 200
    max_checks_per_second_of_strangers: int = 2000
    """STUN datagrams from addresses that nobody has proved yet, all of them together."""

    prove_tcp_within_seconds: float = 10.0
    """A TCP connection without an authenticated STUN request by then is closed."""
    max_unproven_tcp_connections: int = 128
    max_unsent_tcp_bytes: int = 256 * 1024
    """What waits for the reader of one connection; more is dropped."""
    slow_tcp_reader_seconds: float = 5.0
    """A connection that took nothing for so long, while there was more, is closed."""

    receive_batch_packets: int = 64
    socket_buffer_bytes: int = 4 * 1024 * 1024
    redundancy: bool = True
    """Whether microphones are asked to send, and receivers are sent, sound with redundancy (RFC 2198)."""
    max_voices: int = 8
    """Microphones that are passed on at once, the loudest, of those whose packets say how loud they are (RFC 6464)."""
    trace_events: int = 256
    """Events that are remembered of each session."""
    kept_traces: int = 50
    """Sessions that are over whose events are remembered."""
