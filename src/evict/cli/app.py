# SPDX-License-Identifier: Apache-2.0
"""The `evict` command: mounts one file a command and turns every error into its exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError

import evict
from evict.cli.output import exit_with
from evict.cli.token_file import taken_out
from evict.core.errors import ExitCode, UsageError

app = App(
    name="evict",
    help="Ends every way into a mailbox the moment somebody leaves, and proves it.\n\n"
    "With --token-file FILE, or EVICT_TOKEN_FILE, any command asks with that token's rights.",
    version=evict.__version__,
)
# Named, not imported: `evict verify` does not load the control plane.
_COMMANDS: Final = (
    ("revoke", "revoke:app", "End every way into the mailbox of accounts, and prove it."),
    ("schedule", "schedule:app", "List, move and cancel what is to be revoked at an instant."),
    ("reinstate", "reinstate:app", "Let an account in again, as it was, with a fresh password."),
    ("held", "held:held", "Show what the guard holds back, why, and what approves it."),
    ("approve", "held:approve", "Approve what is held."),
    ("dismiss", "held:dismiss", "Dismiss what is held: nothing is done."),
    ("doors", "look:doors", "List every door of an account and what is seen of it now."),
    ("plan", "look:plan", "Show the measures for an account, why, and whom they disturb."),
    ("status", "look:status", "Show who is revoked, how each case stands, and the agents."),
    ("exposure", "look:exposure", "Tell how long doors stay open after a plain disable."),
    ("doctor", "look:doctor", "Check that the hooks fail closed and that rights suffice."),
    ("notify", "notify:app", "Send a test notice over every configured way."),
    ("verify", "verify:app", "Verify a piece of evidence offline."),
    ("evidence", "evidence:app", "Sign evidence whose key lives on another host."),
    ("watch", "watch:app", "Show what the directory watch sees, as it sees it."),
    ("ledger", "ledger:app", "Verify, show, back up or restore the ledger."),
    ("audit", "audit:app", "Show and verify who did what, on whom, why and from where."),
    ("token", "token:app", "Make, list and end tokens for whoever is no user of this host."),
    ("serve", "serve:app", "Run the control plane, and the agent unless it runs apart."),
    ("agent", "agent:app", "Run the agent alone, or print what a server needs to ask it."),
    ("demo", "demo.app:app", "Show the problem and the cure on the embedded organisation."),
    ("lab", "lab.app:app", "Run the embedded Exchange organisation, and compare recipes on it."),
    ("simulate", "simulate.app:app", "Weigh a token lifetime at the size of a company."),
    ("key", "key:app", "Make the keys of this estate."),
    ("config", "config:app", "Check, show or begin the configuration."),
)
for _name, _where, _help in _COMMANDS:
    app.command(f"evict.cli.{_where}", name=_name, help=_help)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    try:
        code = app(
            taken_out(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        exit_with(UsageError(_one_line(error)))
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        exit_with(error)
    sys.exit(int(code) if isinstance(code, int) else int(ExitCode.OK))


def _one_line(error: CycloptsError) -> str:
    return " ".join(str(error).split())
