"""Phones for tests: texts of every release, written from docs/android/commands.md, and programs that print them."""
