"""Whom a request comes from, where proxies stand in front: told by those that are trusted, and by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from server.config import Network


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return the address of the client: that of the connection, or, from a trusted proxy, whom it names.

    Each proxy adds, at the end of X-Forwarded-For, whom it was asked by. So the last one that is no proxy of ours is
    the client; what stands before it that client has written itself.
    """
    client = peer
    for named in reversed(forwarded_for.split(",") if forwarded_for else ()):
        if not is_among(client, trusted):
            break
        address = _parsed(named)
        # No proxy writes that: whoever stands behind it cannot be known.
        if address is None:
            break
        client = str(address)
    return client


def is_among(client: str, trusted: Sequence[Network]) -> bool:
    """Whether an address is one of these, or in one of these networks."""
    address = _parsed(client)
    return address is not None and any(address in network for network in trusted)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # A socket for both families shows an IPv4 address in an IPv6 one (RFC 4291 2.5.5.2).
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
