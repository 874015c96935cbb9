# SPDX-License-Identifier: Apache-2.0
"""What a cmdlet is, and one run of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from evict.lab.cmdlets.words import Output
from evict.lab.model.profile import Version
from evict.lab.model.words import Principal

if TYPE_CHECKING:
    from evict.lab.cmdlets.shell import Registry
    from evict.lab.model.organisation import Organisation

Kind = Literal["string", "bool", "switch", "int", "list", "object", "timespan"]
Caller = Principal | str
Argument = tuple[str | None, object]
"""A parameter's name, None where it is given by place, and its value; a switch's may be None."""
EVERYBODY: Final = frozenset[str]()


class Parameter(Struct, frozen=True, kw_only=True):
    """One parameter.

    Attributes:
        position: its place among the unnamed arguments.
        pipeline: takes what the pipeline brings, one at a time.
        by_name: takes the property of the same name of what the pipeline brings.
        nullable: takes $null.
    """

    name: str
    kind: Kind = "string"
    required: bool = False
    position: int | None = None
    pipeline: bool = False
    by_name: bool = False
    nullable: bool = False
    since: Version = Version.V2010
    until: Version = Version.SE


class Cmdlet(Struct, frozen=True, kw_only=True):
    """A cmdlet.

    Attributes:
        roles: role groups that hold it; empty: whoever comes into the shell.
        confirms: asks before it acts, unless told -Confirm:$false (ConfirmImpact High).
        whole_input: takes all that the pipeline brings at once.
    """

    name: str
    run: Callable[[Call], Iterator[Output]]
    parameters: tuple[Parameter, ...] = ()
    roles: frozenset[str] = EVERYBODY
    since: Version = Version.V2010
    until: Version = Version.SE
    confirms: bool = False
    whole_input: bool = False


@dataclass
class Call:
    """One run of a cmdlet.

    Attributes:
        server: short name of the server whose shell it is.
        caller: sAMAccountName.
        bound: canonical names of the parameters that were given.
        common: the common ones (-ErrorAction, ...), lower case.
    """

    organisation: Organisation
    server: str
    caller: str
    cmdlet: Cmdlet
    registry: Registry
    bound: dict[str, object] = field(default_factory=dict)
    common: dict[str, object] = field(default_factory=dict)
    pipeline_input: list[object] = field(default_factory=list)

    @property
    def what_if(self) -> bool:
        return self.common.get("whatif", False) is True

    def text(self, name: str) -> str:
        """A parameter as text; "" where it was not given or is nothing."""
        value = self.bound.get(name)
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        return self.bound.get(name) is True
