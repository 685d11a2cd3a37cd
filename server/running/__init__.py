"""What surrounds every request of the running server: limits, errors, logs, metrics."""
