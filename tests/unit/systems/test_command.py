# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.systems.command import Tool

TOOL = Tool(system="mail", sudo_line="evict ALL=(root) NOPASSWD: /usr/sbin/postsuper *")


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


async def test_a_tool_is_fed_and_both_its_outputs_come_back() -> None:
    assert await TOOL.run(shell("cat; echo said >&2"), feed=b"fed\n") == ("fed\n", "said\n")


async def test_nothing_of_an_argument_is_read_by_a_shell() -> None:
    out, _ = await TOOL.run(["echo", "$(id); `id` && id"])
    assert out == "$(id); `id` && id\n"


async def test_a_tool_speaks_english_and_finds_what_only_root_has_on_its_path() -> None:
    out, _ = await TOOL.run(shell("echo $LC_ALL $PATH"))
    locale, path = out.split()
    assert locale == "C"
    assert "/usr/sbin" in path.split(":")


@pytest.mark.parametrize(
    ("script", "fault", "text"),
    [
        ("echo 'sudo: a password is required' >&2; exit 1", AccessRefused, "this line in sudoers"),
        (
            "echo 'fatal: use of this command is reserved for the superuser' >&2; exit 1",
            AccessRefused,
            "lacks the right",
        ),
        ("echo 'bash: postqueue: command not found' >&2; exit 127", Unsupported, "not found"),
        ("echo 'fatal: open main.cf' >&2; exit 1", RemoteProtocolError, "fatal: open main.cf"),
        ("exit 3", RemoteProtocolError, "exit code 3"),
    ],
)
async def test_each_failure_says_what_to_do(script: str, fault: type[Exception], text: str) -> None:
    with pytest.raises(fault, match=text):
        await TOOL.run(shell(script))


async def test_sudos_refusal_names_the_one_line_it_needs() -> None:
    with pytest.raises(AccessRefused, match="postsuper"):
        await TOOL.run(shell("echo 'sudo: no' >&2; exit 1"))
    silent = Tool(system="mail")
    with pytest.raises(AccessRefused) as raised:
        await silent.run(shell("echo 'sudo: no' >&2; exit 1"))
    assert "sudoers" not in str(raised.value)


async def test_a_tool_that_hangs_is_stopped_and_nothing_is_known_where_it_changes_things() -> None:
    hasty = Tool(system="mail", timeout_s=0.2)
    with pytest.raises(Unreachable, match="did not end"):
        await hasty.run(["sleep", "60"])
    with pytest.raises(Uncertain, match="did not end"):
        await hasty.run(["sleep", "60"], changes=True)


async def test_a_tool_that_does_not_read_its_input_still_tells_why_it_failed() -> None:
    with pytest.raises(RemoteProtocolError, match="exit code 9"):
        await TOOL.run(shell("exit 9"), feed=b"x" * 1_000_000)


async def test_a_cancelled_run_leaves_no_process_behind(tmp_path: Path) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    task = asyncio.create_task(TOOL.run(shell(f"echo $$ > {pipe}; exec sleep 60")))
    pid = int(await asyncio.to_thread(pipe.read_text))
    os.kill(pid, 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_may_not_be_run_is_no_missing_one() -> None:
    with pytest.raises(AccessRefused, match="may not be run"):
        await TOOL.run(["/etc/passwd"])
