"""Guards that are taken out, one at a time, to see that a test notices.

`guards.toml` has a row for each: what an intruder wants, the guard, how it is taken out, and the tests that must fail
then. `python -m tests.mutations` does it, each in a copy of the project; see `__main__.py`.
"""
