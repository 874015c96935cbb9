# SPDX-License-Identifier: Apache-2.0
"""What a person may mistype at `evict lab` and `evict demo` is said before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from evict.cli.demo.app import demo
from evict.core.errors import UsageError
from evict.lab.estate import control
from evict.lab.estate.layout import DOMAIN, Layout
from evict.lab.estate.organisation import Lab, Options
from tests.lab.place import BOB, own_address, place


@pytest.mark.parametrize("people", [-1, 0, 6, 61])
def test_a_number_of_people_that_it_does_not_have(people: int, tmp_path: Path) -> None:
    layout = Layout(folder=tmp_path, address=own_address())
    with pytest.raises(UsageError, match="7 to 60 people"):
        Lab(layout, Options(people=people))


@pytest.mark.parametrize("people", [7, 60])
def test_as_many_people_as_are_asked_for(people: int, tmp_path: Path) -> None:
    lab = Lab(Layout(folder=tmp_path, address=own_address()), Options(people=people))
    assert len(lab.model.mailboxes) == people


async def test_a_mail_to_nobody(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        before = here.box(BOB).size
        mail = control.Deliver(to=BOB.upn(DOMAIN), subject="Hello")
        await control.ask(here.layout.control, mail)
        assert here.box(BOB).size > before
        with pytest.raises(UsageError, match="nobody here has a mailbox as 'zorro"):
            await control.ask(
                here.layout.control, control.Deliver(to=f"zorro@{DOMAIN}", subject="Hello")
            )


@pytest.mark.parametrize("version", ["2010", "2003", "1999"])
def test_the_demo_of_a_version_that_it_does_not_tell_of(version: str, tmp_path: Path) -> None:
    build = tmp_path / "build"
    with pytest.raises(UsageError, match="2013, 2016, 2019, SE"):
        demo(version=version, build=build)
    assert not build.exists()
