# SPDX-License-Identifier: Apache-2.0
"""One shell's cmdlets: who may see which, and how one is run.

A shell shows a caller only what the roles hold: a cmdlet, and a parameter of it, that they do not
hold is not there (Understanding management roles). `invoke` is all that a wire needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from evict.lab.cmdlets.roles import WRITE as ROLE_GROUPS
from evict.lab.cmdlets.running import run
from evict.lab.cmdlets.shape import EVERYBODY, Argument, Call, Caller, Cmdlet, Parameter
from evict.lab.cmdlets.state import State, state_of
from evict.lab.cmdlets.words import CmdletError, Output
from evict.lab.model.words import Principal

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

ANYBODY: Final = frozenset({"anybody"})


class Registry:
    """The cmdlets of one shell in one version.

    Args:
        groups_of: the groups of an account, by sAMAccountName.
        entry: who may open the shell; empty: everybody.
        marks_errors: errors' ids name the server, as Exchange's do.
    """

    def __init__(  # noqa: PLR0913 - a shell has these parts
        self,
        organisation: Organisation,
        server: str,
        cmdlets: Iterable[Cmdlet],
        groups_of: Callable[[str], frozenset[str]],
        *,
        entry: frozenset[str] = EVERYBODY,
        marks_errors: bool = True,
    ) -> None:
        self._organisation = organisation
        self._server = server
        self._groups_of = groups_of
        self._entry = entry
        self.marks_errors = marks_errors
        version = organisation.profile.version
        self._cmdlets = {
            cmdlet.name.lower(): cmdlet
            for cmdlet in cmdlets
            if cmdlet.since.order <= version.order <= cmdlet.until.order
        }
        self._state = state_of(organisation)

    def lookup(self, name: str) -> Cmdlet | None:
        """The cmdlet of this version, whoever may run it."""
        return self._cmdlets.get(name.lower())

    def admits(self, caller: Caller) -> bool:
        """Whether the caller may open this shell at all; if not: access is denied."""
        return not self._entry or bool(self._entry & self.groups(caller))

    def commands(self, caller: Caller) -> list[str]:
        """The names that the caller's roles allow."""
        mine = self.groups(caller)
        return sorted(c.name for c in self._cmdlets.values() if _holders(mine, c, self._state))

    def parameters(self, cmdlet: Cmdlet, caller: Caller) -> list[Parameter]:
        """Those that this version has and the caller's roles hold."""
        order = self._organisation.profile.version.order
        holders = _holders(self.groups(caller), cmdlet, self._state)
        left = [self._state.role_entries.get((group, cmdlet.name.lower())) for group in holders]
        return [
            p
            for p in cmdlet.parameters
            if p.since.order <= order <= p.until.order
            and any(names is None or p.name in names for names in left)
        ]

    def restrict(self, group: str, cmdlet: str, parameters: Iterable[str] = ()) -> None:
        """Leave a role group only these parameters of a cmdlet; none of them: not the cmdlet.

        As Set-ManagementRoleEntry and Remove-ManagementRoleEntry do, for every shell of the
        organisation.
        """
        self._state.role_entries[group, cmdlet.lower()] = frozenset(parameters)

    def confine(self, group: str, end: str) -> None:
        """Let a role group write only to names that end so (New-ManagementScope)."""
        self._state.scopes[group] = end

    def groups(self, caller: Caller) -> frozenset[str]:
        return self._groups_of(_sam(caller))

    def writable(self, caller: Caller, dn: str) -> bool:
        """Whether one of the caller's role groups may write to this object."""
        ends = [self._state.scopes.get(group, "") for group in self.groups(caller) & ROLE_GROUPS]
        return any(dn.lower().endswith(end.lower()) for end in ends)

    def invoke(
        self,
        name: str,
        arguments: Sequence[Argument] = (),
        *,
        caller: Caller,
        pipeline_input: Sequence[object] | None = None,
    ) -> Iterator[Output]:
        """Run one cmdlet of a pipeline.

        Args:
            pipeline_input: what the cmdlet before it gave; None: it is the first.

        Raises:
            CmdletError: a terminating one, also in the middle of the output.
        """
        cmdlet = self.lookup(name)
        if cmdlet is None or not _holders(self.groups(caller), cmdlet, self._state):
            raise unknown_command(name)
        call = Call(
            organisation=self._organisation,
            server=self._server,
            caller=_sam(caller),
            cmdlet=cmdlet,
            registry=self,
        )
        yield from run(call, arguments, pipeline_input)


def _holders(groups: frozenset[str], cmdlet: Cmdlet, state: State) -> frozenset[str]:
    """Those of the groups that hold the cmdlet; `ANYBODY` where everybody does."""
    if not cmdlet.roles:
        return ANYBODY
    name = cmdlet.name.lower()
    gone = {group for group in groups if state.role_entries.get((group, name)) == frozenset()}
    return (groups & cmdlet.roles) - gone


def unknown_command(name: str) -> CmdletError:
    return CmdletError(
        f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or"
        " operable program. Check the spelling of the name, or if a path was included, verify that"
        " the path is correct and try again.",
        "CommandNotFoundException",
        category="ObjectNotFound",
        terminating=True,
        target=name,
    )


def _sam(caller: Caller) -> str:
    return caller.sam if isinstance(caller, Principal) else caller
