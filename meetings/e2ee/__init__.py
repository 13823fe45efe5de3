"""End-to-end encrypted meetings as the server sees them: it puts messages in order and can't read them.

`delivery` holds the rules of the order, `messages` the shapes on the wire; both are pure. `attestations` is what the
portal signs. `meetings.live` connects them to rooms and sockets.
"""
