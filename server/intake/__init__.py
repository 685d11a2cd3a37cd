"""What becomes of signed reports when they arrive."""
