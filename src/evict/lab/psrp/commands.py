# SPDX-License-Identifier: Apache-2.0
"""What a shell needs of a registry of cmdlets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol

from evict.lab.cmdlets.shape import Argument, Cmdlet, Parameter
from evict.lab.cmdlets.words import Output


class Commands(Protocol):
    """The cmdlets that one shell offers."""

    def admits(self, caller: str, /) -> bool:
        """Whether the caller may open the shell."""

    def lookup(self, name: str, /) -> Cmdlet | None: ...

    def commands(self, caller: str, /) -> list[str]:
        """Names that the caller may use."""

    def parameters(self, cmdlet: Cmdlet, caller: str, /) -> list[Parameter]: ...

    def invoke(
        self,
        name: str,
        arguments: Sequence[Argument] = (),
        *,
        caller: str,
        pipeline_input: Sequence[object] | None = None,
    ) -> Iterator[Output] | AsyncIterator[Output]:
        """Run one cmdlet of a pipeline.

        Raises:
            CmdletError: one that ends the pipeline, also in the middle of the output.
        """
