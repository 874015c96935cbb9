# SPDX-License-Identifier: Apache-2.0
"""Of passwords: which of somebody's many are taken, and where."""

from __future__ import annotations

from typing import Final

from evict.lab.claims.seen import HOUR_S, Demonstration, Found, Seen, expect, span
from evict.lab.claims.stage import PASSWORD, Knock, Page, Stage, ends_after_s
from evict.lab.model.profile import Version
from evict.lab.model.words import Denial, Protocol

_LATER: Final = ("New-password-2", "New-password-3", "New-password-4")
_UNUSED: Final = "New-password-5"


def all_while_the_token_lives(version: Version) -> Seen:
    """Each password that signed in has a token of its own beside the others'."""
    stage = Stage(version)
    used = [PASSWORD]
    expect(Page(stage).request() is None, "not let in to begin with")
    for password in _LATER:
        stage.reset(password)
        expect(Page(stage, password).request() is None, "a new password was not taken")
        used.append(password)
    stage.reset(_UNUSED)
    stage.reset("New-password-6")
    taken = [password for password in used if Page(stage, password).request() is None]
    unused = Page(stage, _UNUSED).request()
    text = f"after {len(_LATER) + 2} changes {len(taken)} of the {len(used)} that had signed in"
    expect(taken == used, f"{text} were taken")
    expect(unused is Denial.BAD_CREDENTIALS, "one that had never signed in was taken")
    return Seen(
        Found.AS_CLAIMED,
        f"{text} were taken by OWA's form; one that nobody had used while it stood was not",
    )


def previous_over_ntlm(version: Version) -> Seen:
    def reset(times: int) -> int | None:
        def prepare() -> tuple[Stage, Knock]:
            stage = Stage(version)
            for number in range(times):
                stage.reset(_LATER[number])
            return stage, lambda: stage.knock(Protocol.MAPI)

        return ends_after_s(prepare)

    once, twice = reset(1), reset(2)
    text = f"reset once: the old password refused after {span(once)}; reset twice: after "
    expect((once, twice) == (HOUR_S, 0), text + span(twice))
    return Seen(
        Found.AS_CLAIMED,
        f"reset once: the old password refused {span(once)} later, not at {span(HOUR_S - 1)}; "
        "reset twice: refused at once",
    )


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "all-while-the-token-lives": all_while_the_token_lives,
    "previous-over-ntlm": previous_over_ntlm,
}
