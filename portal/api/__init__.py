"""HTTP API v1: the same services and the same rules as the pages, for programs that bring a token.

A token acts with its owner's rights at that moment. Nothing here decides who may do what: `access.py` asks the
database, services ask again inside their transaction, and an outsider gets the answer that an unknown id gets.
"""
