# SPDX-License-Identifier: Apache-2.0
"""What `evict lab` tells people: where to point a browser and mail programs, and as whom."""

from __future__ import annotations

from typing import Final

from evict.lab.estate.layout import (
    DOMAIN,
    HTTPS_PORT,
    IMAP_PORT,
    LDAPS_PORT,
    POP3_PORT,
    SHELL_PORT,
    SUBMISSION_PORT,
    Layout,
)
from evict.lab.estate.people import people

_SHOWN: Final = 6


def welcome(layout: Layout, version: str, count: int, *, served: bool) -> str:
    """The whole text, ready to print."""
    first = layout.server(layout.servers[0])
    staff = people(count)
    lab = f"--folder {layout.folder}"
    lines = [
        f"An Exchange {version} organisation, {DOMAIN}, all on this machine:",
        "",
        f"  web mail        https://{layout.address}:{HTTPS_PORT}/owa/",
        f"  phone           https://{layout.address}:{HTTPS_PORT}/Microsoft-Server-ActiveSync",
        f"  EWS             https://{layout.address}:{HTTPS_PORT}/EWS/Exchange.asmx",
        f"  MAPI over HTTP  https://{layout.address}:{HTTPS_PORT}/mapi/emsmdb/",
        f"  IMAP, POP3      {first} ports {IMAP_PORT} and {POP3_PORT} (TLS)",
        f"  SMTP            {first} port {SUBMISSION_PORT} (STARTTLS)",
        f"  directory       ldaps://{layout.directory}:{LDAPS_PORT}",
        f"  Exchange shell  https://{first}:{HTTPS_PORT}/PowerShell",
        f"  server's shell  https://{first}:{SHELL_PORT}/wsman",
        f"  certificates    {layout.ca_file}",
        "",
        f"{len(staff)} people; sign in as one of them:",
        *(f"  {p.upn(DOMAIN):22} {p.password}" for p in staff[:_SHOWN]),
        f"  ... and {len(staff) - _SHOWN} more: evict lab people {lab}"
        if len(staff) > _SHOWN
        else "",
        "",
        "Try, in another terminal:",
        f"  evict lab disable alice {lab}",
        "      what everybody does; what she has open goes on",
        f"  evict lab advance 900 {lab}",
        "      move the organisation's clock by 15 minutes",
    ]
    if served:
        lines += [
            f"  evict revoke bob --allow-bounce --config {layout.config}",
            "      ends every way in; mail to him bounces while his mailbox is quarantined",
            f"  evict reinstate bob --config {layout.config}",
            "      puts it back, and says a fresh password once",
        ]
    return "\n".join([*lines, "", "Ctrl-C ends it."])
