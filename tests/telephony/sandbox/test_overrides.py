"""Connection overrides: what a webhook URL's fragment may say, and what is requested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.sandbox.faults import Fault
from telephony.sandbox.overrides import LIMITS, POLICIES, Overrides, split_overrides


@pytest.mark.parametrize(
    ("url", "bare", "expected"),
    [
        ("https://h/x?a=1", "https://h/x?a=1", Overrides(5000, 15_000, 15_000, 1, frozenset(("ct",)))),
        ("https://h/x#", "https://h/x", Overrides()),
        (
            "https://h/x?a=%20#rc=2&rp=all&ct=2000&rt=10000&tt=15000",
            "https://h/x?a=%20",
            Overrides(2000, 10_000, 15_000, 2, frozenset(("all",))),
        ),
        ("/x#rp=5xx,rt&e=dublin&sni=y", "/x", Overrides(rp=frozenset(("5xx", "rt")))),
        ("/x#rc=0", "/x", Overrides(rc=0)),
    ],
)
def test_fragment(url: str, bare: str, expected: Overrides) -> None:
    assert split_overrides(url) == (bare, expected)


@pytest.mark.parametrize(
    ("fragment", "says", "code"),
    [
        ("rp=6xx", "4xx", 11243),
        ("rp=", "4xx", 11243),
        ("rc=6", "0 to 5", None),
        ("rc=-1", "0 to 5", None),
        ("ct=99", "100 to 10000", None),
        ("ct=10001", "100 to 10000", None),
        ("rt=15001", "100 to 15000", None),
        ("tt=", "100 to 15000", None),
        ("retries=2", "'retries' is no connection override", None),
        ("top", "'top' is no connection override", None),
        ("&", "holds no connection override", None),
    ],
)
def test_what_twilio_does_not_know_is_told(fragment: str, says: str, code: int | None) -> None:
    with pytest.raises(Fault, match=says) as caught:
        split_overrides(f"https://h/x#{fragment}")
    assert caught.value.code == code


@given(
    st.fixed_dictionaries({}, optional={name: st.integers(low, high) for name, (low, high) in LIMITS.items()}),
    st.sets(st.sampled_from(sorted(POLICIES)), min_size=1),
)
def test_every_allowed_fragment_is_read_back(numbers: dict[str, int], policies: set[str]) -> None:
    pairs = [f"{name}={value}" for name, value in numbers.items()] + [f"rp={','.join(policies)}"]
    assert split_overrides("https://h/#" + "&".join(pairs)) == (
        "https://h/",
        Overrides(**numbers, rp=frozenset(policies)),
    )


@pytest.mark.parametrize(
    ("policy", "kinds"),
    [("ct", {"ct"}), ("4xx,5xx", {"4xx", "5xx"}), ("rt", {"rt"}), ("all", {"ct", "rt", "3xx", "4xx", "5xx"})],
)
def test_what_is_retried(policy: str, kinds: set[str]) -> None:
    overrides = split_overrides(f"/x#rp={policy}")[1]
    assert {kind for kind in ("ct", "rt", "3xx", "4xx", "5xx") if overrides.retries(kind)} == kinds
