"""Round-trip authorization: another program must agree to what the door allows, for as long as it lasts.

We ask, in Red5 Pro's protocol or our signed profile of it: `protocol.py` is what is written and read, `ledger.py` who
holds which lease, `asking.py` one exchange. `meetings/live/authorization.py` makes the answers true.
"""
