"""What was accepted of stations, and what it tells of the time between two visits."""
