"""Addresses of pages by the names of their routes, and the network that a request comes from."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

IPV6_BITS = 48
"""Providers give one customer as much as this."""


def route_address(name: str, *args: object) -> str:
    """The address of a route.

    Django's own way there takes a lock that all threads share, dozens of times for a page.
    """
    return _route_address(settings.FORCE_SCRIPT_NAME, name, args)


@lru_cache(2048)
def _route_address(prefix: str | None, name: str, args: tuple[object, ...]) -> str:
    return reverse(name, args=args)


def network_of(request: HttpRequest, ipv4_bits: int) -> str:
    """The client's network: the first `ipv4_bits` of an IPv4 address, 48 bits of an IPv6 one.

    Clients without an address, as on a unix socket, are one network: `unknown`.
    """
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    bits = ipv4_bits if address.version == 4 else IPV6_BITS
    return str(ipaddress.ip_network((address, bits), strict=False))
