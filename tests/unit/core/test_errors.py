# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core import errors
from evict.core.errors import EvictError, ExitCode, Retry, SystemFault

ABSTRACT = (EvictError, SystemFault, errors.EvidenceError)


def tree(top: type[EvictError]) -> list[type[EvictError]]:
    return [top, *(found for below in top.__subclasses__() for found in tree(below))]


CONCRETE = [
    kind for kind in tree(EvictError) if kind not in ABSTRACT and kind.__module__ == errors.__name__
]


def make(kind: type[EvictError]) -> EvictError:
    if issubclass(kind, SystemFault):
        return kind("it is down", system="dovecot", port=993)
    return kind("it is wrong", line=7)


def test_each_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in CONCRETE]
    assert len(codes) == len(set(codes))
    assert all(code == code.lower() and " " not in code for code in codes)


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_each_error_can_be_raised_and_tells_an_exit_code(kind: type[EvictError]) -> None:
    error = make(kind)
    assert error.exit_code is not ExitCode.OK
    assert str(error) == error.text
    assert error.fields


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_the_public_text_says_nothing_of_the_estate(kind: type[EvictError]) -> None:
    error = make(kind)
    assert "dovecot" not in error.public_text
    assert error.text not in error.public_text


@pytest.mark.parametrize("kind", [EvictError, SystemFault], ids=lambda kind: kind.__name__)
def test_a_base_is_not_raised_itself(kind: type[EvictError]) -> None:
    with pytest.raises(TypeError):
        make(kind)


def test_a_fault_names_its_system() -> None:
    fault = errors.Unreachable("it is down", system="dovecot")
    assert fault.system == "dovecot"
    assert str(fault) == "dovecot: it is down"
    assert fault.fields == {"system": "dovecot"}


def test_what_may_be_repeated_says_so() -> None:
    again = {kind for kind in CONCRETE if kind.retry is Retry.LATER}
    assert {errors.Unreachable, errors.Uncertain, errors.LedgerConflict} <= again
    assert not {errors.AccessRefused, errors.GuardRefused, errors.Bug} & again
    assert all(kind.exit_code in (ExitCode.TEMPORARY, ExitCode.UNAVAILABLE) for kind in again)


def test_a_refusal_of_the_guard_is_five_and_a_damaged_ledger_is_configuration() -> None:
    assert errors.GuardRefused.exit_code == 5
    assert errors.LedgerDamaged.exit_code == 78
    assert errors.EvidenceInvalid.exit_code == 1
    assert errors.EvidenceUntold.exit_code == 4
