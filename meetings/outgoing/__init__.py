"""Requests that this server sends because somebody named an address: authorization services, webhooks.

The only way out. An address is typed by a person, resolved by a name server that may be the attacker's, and answered by
a program that may be anything: `destinations.py` says what may be asked for, `client.py` asks it, `breaker.py` knows
when not to ask again. None of them reads rows; `allowed.py` alone knows what administrators allow.
"""
