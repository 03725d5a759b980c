"""What a request says about where it came from, as far as that can be believed."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from bson import ObjectId
from django.conf import settings
from django.http import HttpRequest


@lru_cache(maxsize=4096)
def _is_trusted(address: str, proxies: tuple[str, ...]) -> bool:
    try:
        source = ip_address(address)
    except ValueError:
        # A unix socket has no address: only a proxy on this machine can be at its other end.
        return bool(proxies) and not address
    return any(source in ip_network(proxy, strict=False) for proxy in proxies)


def client_address(request: HttpRequest) -> str:
    """Return the client's address: nginx's word for it where nginx is a trusted proxy, else the socket's."""
    source = request.META.get("REMOTE_ADDR", "")
    if _is_trusted(source, tuple(settings.TRUSTED_PROXIES)):
        return request.META.get("HTTP_X_FORWARDED_FOR", source).rsplit(",", 1)[-1].strip()
    return source


def address_group(address: str) -> str:
    """Return what of `address` is one caller's to choose from: itself, or its /64, which one IPv6 customer gets."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return address


def public_origin(request: HttpRequest) -> str:
    """Return the origin that clients use: the setting, never the `Host` header, but for development."""
    return settings.PUBLIC_ORIGIN or f"{request.scheme}://{request.get_host()}"


def own_cinemas(request: HttpRequest) -> tuple[ObjectId, ...]:
    """Return the cinemas of the person signed in to the back office; empty means all."""
    return tuple(request.user.cinemas)  # type: ignore[union-attr]  # our own user model, never an anonymous one here
