"""What the station says to its server: enrolling, asking, sending reports."""
