"""Django's PostgreSQL backend, whose transactions take turns. See `base.py`, where Django looks for it."""
