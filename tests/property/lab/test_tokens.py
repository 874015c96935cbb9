# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.lab.model.tokens import TokenCache

NAMES = st.sampled_from(["alice", "Alice", "bob"])
PASSWORDS = st.sampled_from(["old", "new"])
ACTS = st.lists(
    st.tuples(st.sampled_from(["add", "find", "clear"]), NAMES, PASSWORDS, st.floats(0, 700)),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(ACTS, st.sampled_from([1.0, 300.0, 900.0]))
def test_a_token_never_outlives_its_last_use_and_its_time(
    acts: list[tuple[str, str, str, float]], ttl: float
) -> None:
    """Against the plainest model there is: when each pair was used last."""
    cache, used, now = TokenCache(ttl), dict[tuple[str, str], float](), 0.0
    for act, name, password, wait in acts:
        now += wait
        key = (name.lower(), password)
        lives = key in used and now < used[key] + ttl
        if act == "find":
            assert (cache.find(name, password, now) is not None) == lives
            if lives:
                used[key] = now
        elif act == "add":
            cache.add(name, password, key[0], "", now)
            used[key] = now
        else:
            cache = TokenCache(ttl)
            used.clear()
        living = {k for k, at in used.items() if now < at + ttl}
        assert cache.holders(now) == {name for name, _ in living}
        for sam in ("alice", "bob"):
            assert len(cache.of(sam, now)) == sum(name == sam for name, _ in living)


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 1e9), st.integers(1, 50))
def test_a_token_used_in_time_lives_on_and_one_with_time_0_always_does(
    wait: float, times: int
) -> None:
    cache, forever, now = TokenCache(900), TokenCache(0), 0.0
    for each in (cache, forever):
        each.add("a", "p", "a", "", now)
    for _ in range(times):
        now += min(wait, 899.0)
        assert cache.find("a", "p", now) is not None
    assert cache.find("a", "p", now + 900) is None
    assert forever.find("a", "p", now + wait) is not None
