"""Rules of the phone's script, each broken in one line; every one must make a test fail.

``python -m tests.on_phone.mutations`` breaks them all, one after the other, and prints what was not noticed.
"""
