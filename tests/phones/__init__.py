"""Phones for tests: texts of every release, written from COMMANDS.md, and programs that print them."""
