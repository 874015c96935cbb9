# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations


class Observer:
    """Is told what happens; does nothing with it, as in a command that measures nothing.

    What it is told holds neither names nor free text: words of the program and numbers.
    """

    def entry(self, kind: str, source: str) -> None:
        """The ledger has one more entry.

        Args:
            source: who ordered it, as an asker's name; only its kind may be kept.
        """

    def appended(self, seconds: float) -> None:
        """An append took so long, from the call to the answer."""

    def case_began(self) -> None:
        """One look at all doors of one account begins."""

    def case_ended(self, seconds: float, verdict: str) -> None:
        """Such a look came to this."""

    def noted(self, *, written: bool) -> None:
        """A record of the audit log was, or was not, written."""

    def told(self, kind: str) -> None:
        """One thing was given out to be told to people."""

    def answered(self, way: str, outcome: str) -> None:
        """A request came to an end.

        Args:
            way: socket or http.
            outcome: `ok`, or an error's code.
        """
