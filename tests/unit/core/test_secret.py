# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import pickle
import traceback

import msgspec
import pytest

from evict.core.secret import Secret, derive_password

KEY = bytes(range(32))
GOLDEN = "Ev1-0NUcgtRi7TiH9QbFXkuIwCCNv3p-6BbP"


def test_a_secret_is_printed_by_nothing() -> None:
    secret = Secret("hunter2")
    printed = (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>20}",
        f"{[secret]}",
        f"{secret!a}",
    )
    assert all("hunter2" not in text for text in printed)
    assert secret.reveal() == "hunter2"


def test_a_secret_is_in_no_traceback() -> None:
    secret = derive_password(KEY, "a", 1, 1)
    with pytest.raises(ValueError, match=r"\*\*\*") as caught:
        _fail(secret)
    whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    told = "".join(whole.format())
    assert "secret = ***" in told
    assert secret.reveal() not in told


def _fail(secret: Secret) -> None:
    raise ValueError(secret)


def test_a_secret_is_not_serialised() -> None:
    secret = Secret("hunter2")
    for way in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError):
            way(secret)


def test_a_derived_password_is_the_same_for_ever() -> None:
    """A golden value: a change would leave accounts whose password nobody can probe with."""
    told = derive_password(KEY, "47c0b77b-0678-46b8-8899-edbe4c77b9e9", 1, 1).reveal()
    assert told == GOLDEN


def test_each_input_makes_another_password() -> None:
    made = {
        derive_password(key, account, generation, step).reveal()
        for key in (KEY, bytes(32))
        for account in ("a", "b")
        for generation in (1, 3, 11)
        for step in (1, 2)
    }
    assert len(made) == 24


def test_a_derived_password_meets_the_complexity_rule() -> None:
    told = derive_password(KEY, "a", 1, 1).reveal()
    assert len(told) == 36
    assert told.isascii()
    assert any(c.isupper() for c in told[:4])
    assert any(c.islower() for c in told[:4])
    assert any(c.isdigit() for c in told[:4])
    assert '"' not in told


@pytest.mark.parametrize(("key", "step"), [(b"short", 1), (KEY + b"x", 1), (KEY, 0), (KEY, 3)])
def test_a_wrong_key_or_step_is_refused(key: bytes, step: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive_password(key, "a", 1, step)
