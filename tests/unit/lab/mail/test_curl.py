# SPDX-License-Identifier: Apache-2.0
"""curl, unmodified, against all three. Its passwords go over standard input, not on argv."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.unit.lab.mail.towns import ALICE, BOB, Town

CURL = shutil.which("curl")

pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")


async def curl(town: Town, *options: str, password: str = ALICE, name: str = "alice") -> str:
    """Its output; raises AssertionError with its words where it fails."""
    assert CURL is not None
    process = await asyncio.create_subprocess_exec(
        CURL,
        "--silent",
        "--show-error",
        "--max-time",
        "10",
        "--cacert",
        str(town.ca_file),
        "--config",
        "-",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"HOME": "/nonexistent"},
    )
    config = f'user = "{name}@corp.example:{password}"\n'
    out, problem = await process.communicate(config.encode())
    assert process.returncode == 0, f"{process.returncode}: {problem.decode()}"
    return out.decode()


async def test_it_reads_and_searches_over_imap(town: Town) -> None:
    town.mail("For curl", "The text.")
    base = f"imaps://{town.host}:{town.imap}"
    assert "Sent Items" in await curl(town, f"{base}/")
    assert "* SEARCH 1" in await curl(town, f"{base}/INBOX?SUBJECT%20curl")
    assert "The text." in await curl(town, f"{base}/INBOX;UID=1")
    starttls = f"imap://{town.host}:{town.imap_plain}/INBOX;MAILINDEX=1"
    assert "Subject: For curl" in await curl(town, "--ssl-reqd", starttls)
    with pytest.raises(AssertionError, match="67"):
        await curl(town, f"{base}/", password="wrong")


async def test_it_reads_over_pop3(town: Town) -> None:
    town.mail("For curl", "The text.")
    base = f"pop3s://{town.host}:{town.pop3}"
    assert (await curl(town, f"{base}/")).startswith("1 ")
    assert "The text." in await curl(town, f"{base}/1")
    starttls = f"pop3://{town.host}:{town.pop3_plain}/1"
    assert "The text." in await curl(town, "--ssl-reqd", starttls)


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
async def test_it_sends(town: Town, tmp_path: Path, scheme: str) -> None:
    letter = tmp_path / "letter"
    letter.write_text("From: bob@corp.example\r\nSubject: Sent by curl\r\n\r\nHello.\r\n")
    port = town.smtp if scheme == "smtps" else town.smtp_plain
    await curl(
        town,
        "--ssl-reqd",
        f"{scheme}://{town.host}:{port}",
        "--mail-from",
        "bob@corp.example",
        "--mail-rcpt",
        "alice@corp.example",
        "--upload-file",
        str(letter),
        name="bob",
        password=BOB,
    )
    (mail,) = town.organisation.mailboxes["alice"].messages["Inbox"]
    assert (mail.subject, mail.sender) == ("Sent by curl", "bob@corp.example")
