"""Webhooks: programs are told what happened in meetings, by signed requests that are tried again until they arrive.

`events.py` says what is told and in which words, `audience.py` to whom, `outbox.py` stores it with the event itself.
`delivery.py` works that off, by `sending.py` for one try and `outcome.py` for what follows from it. `services.py`
makes, changes and ends webhooks.
"""
