"""Addresses: which IP addresses a tool may connect to, checked on the very answer of the name service that is used.

A name whose addresses change between a check and a connection (DNS rebinding) leads nowhere else: there is one look-up.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator

from aiohttp.abc import AbstractResolver, ResolveResult

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: NAT64 (RFC 6052, RFC 8215): an IPv4 address stands in the last four bytes.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
#: Shared by a carrier's customers (RFC 6598).
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")


def may_connect(address: str, *, private_network: bool = False) -> bool:
    """Whether a tool may connect to this IP address: a public one, or with `private_network` also one of this machine
    or of its own network. Never a link-local (there clouds keep their machines' keys), multicast or reserved one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_one_may(each, private_network) for each in _meant(parsed))


def _meant(address: _Address) -> Iterator[_Address]:
    """The address, or the IPv4 one that it is written for; both, where packets go through a tunnel."""
    if isinstance(address, ipaddress.IPv6Address):
        compatible = int(address) >> 32 == 0 and not address.is_loopback
        if address.ipv4_mapped is not None or compatible or any(address in network for network in _NAT64):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            return
        yield from (carried for carried in (address.sixtofour, *(address.teredo or ())) if carried is not None)
    yield address


def _one_may(address: _Address, private_network: bool) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    if address.is_loopback:
        return private_network
    if address.is_reserved or (address.version == 4 and int(address) >> 24 == 0):
        return False
    if address.is_private or (address.version == 4 and address in _SHARED):
        return private_network
    return address.is_global


class CheckedResolver(AbstractResolver):
    """Looks names up for aiohttp, and gives no address that a tool may not connect to.

    If one of a name's addresses is refused, all of them are: a public service has no private addresses beside.
    """

    def __init__(self, *, private_network: bool) -> None:
        self._private_network = private_network

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError, which aiohttp makes a failure to connect."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results: list[ResolveResult] = []
        for kind, _, proto, _, place in found:
            address = str(place[0])
            if not may_connect(address, private_network=self._private_network):
                raise OSError("the name leads to an address that tools may not connect to")
            results.append(
                ResolveResult(
                    hostname=host, host=address, port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is held."""
