"""Measuring a machine before it is trusted with a fleet: a server of its own, stations with real keys, real TLS."""
