"""The audit log: append-only, hash-chained, with personal data beside the chain so that it can be erased.

`record` is the only writer. It appends in the caller's transaction, so an action and its entry are stored together
or not at all. No secrets and no SDP ever go in here. docs/audit.md describes what is stored.
"""

from meetings.audit.details import body_of
from meetings.audit.log import checkpoint, erase, erase_until, flush_refusals, record, record_refusal
from meetings.audit.verify import Report, verify
from meetings.audit.words import explanation, sentence, why
from meetings.network import truncate_network

__all__ = [
    "Report",
    "body_of",
    "checkpoint",
    "erase",
    "erase_until",
    "explanation",
    "flush_refusals",
    "record",
    "record_refusal",
    "sentence",
    "truncate_network",
    "verify",
    "why",
]
