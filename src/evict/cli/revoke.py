# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import App, Parameter

from evict.cli import batch, link
from evict.cli.look import print_plan
from evict.cli.options import ConfigPath, Json, read_settings
from evict.cli.output import Output
from evict.cli.progress import ProgressView
from evict.cli.report import conclude, print_report
from evict.control import api
from evict.control import progress as told
from evict.core.errors import ExitCode, UsageError

app = App(name="revoke")


@app.default
def revoke(
    *accounts: Annotated[str, Parameter(allow_leading_hyphen=True)],
    at: str | None = None,
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    skip_bad: Annotated[bool, Parameter(negative=())] = False,
    reason: str = "",
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    wait: bool = True,
    witness: Annotated[bool, Parameter(negative=())] = False,
    witness_ccache: Path | None = None,
    hold_queue: Annotated[bool, Parameter(negative=())] = False,
    allow_bounce: Annotated[bool, Parameter(negative=())] = False,
    request_id: str | None = None,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    r"""End every way into the mailbox of each account, and prove it.

    Parameters
    ----------
    accounts
        Any name of the account: UPN, DOMAIN\user, sAMAccountName, an address, its objectGUID.
        `-` reads many from standard input, one a line.
    at
        Not now, but at this instant, to the second: `2026-12-31T17:00 Europe/Berlin`,
        `2026-12-31T17:00:00+01:00[Europe/Berlin]`, `2026-12-31T16:00:00Z`.
    file
        A CSV or JSON file of leavers in the place of names: columns `account`, and `at` and
        `reason` where they are wanted; `-` is standard input. Ends without waiting for verdicts.
    skip_bad
        With --file or --at: pass over lines that make no sense. Without it one of them stops all.
    reason
        Why; kept beside the ledger, erasable, never shown to a mail client.
    dry_run
        Look and plan with the same reads, write nothing.
    wait
        Wait for the verdicts. With --no-wait the command ends once the ledger holds the order, with
        exit code 4: nothing is proven yet.
    witness
        Open sessions as the leaver with Dovecot's master user first (300 ms at most), and see
        them die.
    witness_ccache
        A file with a Kerberos service ticket of the leaver taken before, to be tried after.
    hold_queue
        Hold the leaver's queued mail in Postfix.
    allow_bounce
        Allow Exchange's mailbox quarantine, which ends every session in the store at once, but
        makes mail to the leaver bounce and shuts delegates out too.
    request_id
        Id of this order: the same one again changes nothing.
    """
    if at is not None or file is not None:
        if witness or witness_ccache is not None:
            raise UsageError("witness sessions go with an order that is carried out now")
        if file is not None and (at is not None or accounts):
            raise UsageError("--file has the accounts and the instants in its lines")
        if file is None:
            lines = batch.lines_of(_names(accounts), at or "")
        else:
            lines = batch.read_file(file)
        order = api.Batch(
            lines=lines,
            request=request_id or secrets.token_hex(16),
            reason=reason,
            hold_queue=hold_queue,
            allow_bounce=allow_bounce,
            skip_bad=skip_bad,
            dry_run=dry_run,
        )
        return batch.order(Output(json=json), order, config)
    if skip_bad:
        raise UsageError("--skip-bad goes with --file or --at")
    names = _names(accounts)
    if witness_ccache is not None and len(names) != 1:
        raise UsageError("--witness-ccache goes with one account")
    request = api.Revoke(
        names=names,
        request=request_id or secrets.token_hex(16),
        reason=reason,
        witness=witness,
        witness_ccache="" if witness_ccache is None else str(witness_ccache.resolve()),
        hold_queue=hold_queue,
        allow_bounce=allow_bounce,
        wait=wait,
        dry_run=dry_run,
    )
    return _follow(Output(json=json), request, config)


def _names(accounts: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the order.

    Only a line of standard input may begin with a hyphen: a mistyped `--dry-run` among the
    arguments would be a name, and the others would be revoked.
    """
    if accounts == ("-",):
        lines = sys.stdin.buffer.read().decode("utf-8", "replace").split("\n")
        return _not_none(tuple(line.rstrip("\r") for line in lines if line.strip()))
    for name in accounts:
        if name.startswith("-"):
            raise UsageError(
                f"no option is called {name!a}; an account whose name begins with a hyphen is read"
                " from standard input, with `-` alone"
            )
    return _not_none(accounts)


def _not_none(accounts: tuple[str, ...]) -> tuple[str, ...]:
    if not accounts:
        raise UsageError("name at least one account, or `-` to read them from standard input")
    return accounts


def _follow(out: Output, request: api.Revoke, config: Path | None) -> ExitCode:
    reports: list[told.CaseReport] = []
    refused: list[told.Refused] = []
    held: list[told.HeldBack] = []
    code = ExitCode.BUG
    with ProgressView(out.talk) as view:
        for line in link.lines(read_settings(config), request):
            match line:
                case api.End():
                    code = line.exit_code
                case told.CaseReport():
                    reports.append(line)
                case told.Refused():
                    refused.append(line)
                    view.take(line)
                case told.HeldBack():
                    held.append(line)
                    view.take(line)
                case api.Answer():
                    _would_revoke(out, cast("dict[str, Any]", line.data))
                case api.Password() | api.Watched():
                    continue
                case _:
                    view.take(line)
    if not request.dry_run:
        if out.json:
            out.data({"accounts": reports, "refused": refused, "held": held, "exit_code": code})
        _print(out, reports)
    return code


def _print(out: Output, reports: list[told.CaseReport]) -> None:
    if not out.json:
        for report in reports:
            print_report(out.page, report)
    for report in reports:
        conclude(out.talk, report)


def _would_revoke(out: Output, found: dict[str, Any]) -> None:
    """What a dry run saw: the plans; who was refused is told already."""
    if out.json:
        out.data(found)
        return
    for plan in found["would_revoke"]:
        print_plan(out, plan)
