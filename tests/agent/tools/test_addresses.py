"""Which addresses a tool may connect to; and that the answer which is checked is the one that is used."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tools.addresses import CheckedResolver, may_connect

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
OWN = ["127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "::1", "fd00::1",
       "::ffff:10.0.0.1", "::ffff:127.0.0.1"]  # fmt: skip
NEVER = ["169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
         "240.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "0.1.2.3", "", "localhost", "127.1", "0x7f.1",
         "2130706433"]  # fmt: skip
#: Addresses that carry another's: refused if that one is.
CARRIERS = ["64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "::7f00:1", "::127.0.0.1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert may_connect(address)
    assert may_connect(address, private_network=True)


@pytest.mark.parametrize("address", OWN)
def test_of_our_own_network(address: str) -> None:
    assert not may_connect(address)
    assert may_connect(address, private_network=True)


@pytest.mark.parametrize("address", NEVER)
def test_never(address: str) -> None:
    assert not may_connect(address)
    assert not may_connect(address, private_network=True)


@pytest.mark.parametrize("address", CARRIERS)
def test_carried(address: str) -> None:
    assert not may_connect(address)


@given(st.ip_addresses())
def test_what_may_be_connected_to_is_global_unless_it_is_said_otherwise(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if may_connect(str(address)):
        assert address.is_global or getattr(address, "ipv4_mapped", None) is not None
        assert not address.is_multicast
        assert may_connect(str(address), private_network=True)


@pytest.mark.parametrize(("private_network", "given"), [(False, False), (True, True)])
async def test_a_name_of_this_machine(private_network: bool, given: bool) -> None:
    resolver = CheckedResolver(private_network=private_network)
    try:
        found = await resolver.resolve("localhost", 80)
    except OSError:
        found = []
    assert bool(found) is given


async def test_a_name_with_one_bad_address_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(host: str, port: int, **_: Any) -> list[Any]:
        addresses = ["1.1.1.1", "127.0.0.1"] if host == "mixed" else ["1.1.1.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
    resolver = CheckedResolver(private_network=False)
    assert [each["host"] for each in await resolver.resolve("good", 443)] == ["1.1.1.1"]
    with pytest.raises(OSError, match="may not connect"):
        await resolver.resolve("mixed", 443)
