"""Networks as people write them: one CIDR text each, and whether an address is in one of them."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def as_network(text: str) -> str:
    """Return `text` as networks are kept, `10.1.0.0/16`; a single address becomes a network of one.

    Raises ValueError where it is none: `10.1.2.3/16` too, for nobody can tell whether the host or the net is meant.
    """
    return str(ip_network(text.strip()))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None  # a unix socket has none
    # A server that listens on both kinds sees an IPv4 client as `::ffff:10.1.2.3`.
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Return whether `address` is in one of `networks`, as `as_network` wrote them."""
    place = _address(address)
    return place is not None and any(place in _network(each) for each in networks)
