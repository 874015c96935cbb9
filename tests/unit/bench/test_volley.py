# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from bench.web_volley import Shot, condense


def shot(began: int, ended: int, *, let_in: bool = False, closed: bool = False) -> Shot:
    return Shot(began_ns=began, ended_ns=ended, let_in=let_in, closed=closed)


def test_the_first_refusal_is_that_whose_answer_came_first() -> None:
    slow = shot(1, 30, closed=True)
    fast = shot(4, 6, closed=True)
    seen = condense("x", [shot(0, 2, let_in=True), slow, fast], [1, 4, 8])
    assert (seen.last_success_ns, seen.refusal_began_ns, seen.refusal_ns) == (2, 4, 6)
    assert (seen.successes, seen.after, seen.gap_ns) == (1, 0, 4)


def test_a_request_let_in_after_the_refusal_is_counted_and_never_taken_back() -> None:
    seen = condense("x", [shot(1, 2, closed=True), shot(2, 9, let_in=True)], [])
    assert (seen.after, seen.successes, seen.refusal_ns, seen.last_success_ns) == (1, 0, 2, 0)


def test_a_connection_that_only_ended_is_no_refusal_once_one_is_let_in() -> None:
    shots = [shot(1, 2), shot(2, 5, let_in=True), shot(5, 7)]
    seen = condense("x", shots, [])
    assert (seen.last_success_ns, seen.refusal_ns, seen.after) == (5, 7, 0)
    assert condense("x", shots[:2], []).refusal_ns == 0
