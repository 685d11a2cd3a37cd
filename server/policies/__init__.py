"""What was published, and how it is taken over and kept fresh."""
