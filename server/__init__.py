"""The authority: drafts, publishes, listens, shows."""
