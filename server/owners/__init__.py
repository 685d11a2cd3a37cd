"""What the owners of phones see and ask for themselves, without an account."""
