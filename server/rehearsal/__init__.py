"""Trying a policy on the whole fleet, from the latest reports, before anybody signs it."""
