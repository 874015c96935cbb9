# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

from evict.cli.revoke import app
from evict.core.errors import UsageError


def run(*arguments: str) -> None:
    app(arguments, exit_on_error=False, print_error=False, result_action="return_value")


@pytest.mark.parametrize("mistyped", ["--dryrun", "-n", "--witnes"])
def test_a_mistyped_option_is_no_account_and_orders_nothing(mistyped: str) -> None:
    with pytest.raises(UsageError, match=f"no option is called '{mistyped}'"):
        run("alice", mistyped)


def test_no_account_at_all_is_said_so() -> None:
    with pytest.raises(UsageError, match="name at least one account"):
        run()


@pytest.mark.parametrize("arguments", [("-",), ("-", "--json"), ("--json", "-")])
def test_a_hyphen_alone_reads_standard_input(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "evict", "revoke", *arguments]
    done = subprocess.run(command, input="\n", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "name at least one account" in done.stderr
