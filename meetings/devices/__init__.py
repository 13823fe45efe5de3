"""Devices: machines that hosts let take part by WHIP and WHEP, an encoder or the screen of a meeting room.

A device has a token of one occurrence. The token says which device it is, and nothing more: the door decides about it
as about everybody else, it sits in a seat, and whatever ends a seat ends what it sends. docs/whip-whep.md
"""
