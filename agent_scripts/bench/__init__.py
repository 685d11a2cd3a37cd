"""The bench: many phones at once, as they come and go, each led from its cable to its report."""
