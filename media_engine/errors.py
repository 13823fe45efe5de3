"""Errors that callers of the engine can act on. Pure."""


class OfferRejected(Exception):
    """An SDP offer or answer was refused and nothing has changed.

    `code` is stable and fit for a signalling error: `no_grant` (this peer may not), `bad_sdp` (malformed, too large or
    not what we negotiate), `wrong_state` (an answer to an offer that is not the current one), `busy` (a limit of the
    engine is reached). The message is for the developer of the client and holds no secrets.
    """

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
