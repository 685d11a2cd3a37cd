"""The station: talks to phones, judges, acts, reports."""
