"""Django's SQLite backend with connections that are kept. See `base.py`, where Django looks for it."""
