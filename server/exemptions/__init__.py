"""Exemptions: asked for on the server, signed from afar, in force and ended."""
