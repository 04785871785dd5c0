"""Counting frames: as many as wsproto finds, however the bytes are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from telephony.web.frames import FrameCounter

sizes = st.one_of(st.integers(0, 130), st.sampled_from([125, 126, 127, 65_535, 65_536, 70_000]))


def stream(lengths: list[int]) -> bytes:
    client = FrameProtocol(client=True, extensions=[])
    opcodes = [Opcode.BINARY, Opcode.PING]
    return b"".join(
        bytes(client._serialize_frame(opcodes[length < 126 and length % 2], bytes(length))) for length in lengths
    )


@given(lengths=st.lists(sizes, max_size=12), cut=st.sampled_from([1, 2, 3, 5, 13, 1000, 10**6]))
def test_every_frame_is_counted_once(lengths: list[int], cut: int) -> None:
    if cut < 13:
        lengths = [length % 300 for length in lengths]
    data, counter = stream(lengths), FrameCounter()
    assert sum(counter.feed(data[at : at + cut]) for at in range(0, len(data), cut)) == len(lengths)
    assert (counter._skip, counter._begun) == (0, b"")


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    counter = FrameCounter()
    for piece in pieces:
        assert 0 <= counter.feed(piece) <= len(piece) + 10
    assert len(counter._begun) < 10


def test_frames_without_a_mask_are_frames_too() -> None:
    assert FrameCounter().feed(b"\x89\x00" * 5) == 5
