# SPDX-License-Identifier: Apache-2.0
"""The audit log's lines at Debian's rsyslogd, over TLS with a certificate on both sides."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from msgspec import Struct

from evict.config.audit import SyslogSection
from evict.control.audit.log import AuditLog
from evict.control.audit.record import Record, Result
from evict.control.audit.syslog import make_syslog
from evict.ledger.service import Ledger
from evict.obs.syslog import Syslog

RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
MODULES = Path("/usr/lib/x86_64-linux-gnu/rsyslog")
HOST = "127.166.3.1"
OURS = "evict.corp.test"
TEMPLATE = "%PRI%\\t%HOSTNAME%\\t%APP-NAME%\\t%MSGID%\\t%STRUCTURED-DATA%\\t%msg%\\n"

pytestmark = pytest.mark.skipif(RSYSLOGD is None, reason="rsyslog is not installed")


class Message(Struct, frozen=True):
    priority: str
    host: str
    app: str
    msgid: str
    structured: str
    text: str


class Rsyslogd:
    """One server; `start` and `stop` may follow each other, what it took stays."""

    def __init__(self, folder: Path, driver: str) -> None:
        self.folder = folder
        self.driver = driver
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port: int = probe.getsockname()[1]
        ca = trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.pem")
        for name, file in ((HOST, "server"), (OURS, "ours"), ("stranger.test", "stranger")):
            issued = ca.issue_cert(name, common_name=name)
            issued.private_key_pem.write_to_path(folder / f"{file}.key")
            issued.cert_chain_pems[0].write_to_path(folder / f"{file}.pem")
        (folder / "work").mkdir()
        (folder / "rsyslog.conf").write_text(self._configuration())

    def _configuration(self) -> str:
        f = self.folder
        return f"""
global(workDirectory="{f}/work" maxMessageSize="64k" DefaultNetstreamDriver="{self.driver}"
  DefaultNetstreamDriverCAFile="{f}/ca.pem" DefaultNetstreamDriverCertFile="{f}/server.pem"
  DefaultNetstreamDriverKeyFile="{f}/server.key")
module(load="imtcp" StreamDriver.Name="{self.driver}" StreamDriver.Mode="1"
  StreamDriver.AuthMode="x509/name" PermittedPeer=["{OURS}"])
template(name="fields" type="string" string="{TEMPLATE}")
input(type="imtcp" address="{HOST}" port="{self.port}")
action(type="omfile" file="{f}/taken" template="fields")
"""

    def start(self) -> None:
        assert RSYSLOGD is not None
        with (self.folder / "log").open("ab") as sink:
            self._process = subprocess.Popen(
                [
                    RSYSLOGD,
                    "-n",
                    "-f",
                    self.folder / "rsyslog.conf",
                    "-i",
                    self.folder / "pid",
                ],
                stdout=sink,
                stderr=sink,
            )

    def stop(self, *, kill: bool = False) -> None:
        if self._process is not None:
            if kill:
                self._process.kill()
            else:
                self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    @property
    def taken(self) -> list[Message]:
        file = self.folder / "taken"
        lines = file.read_text().splitlines() if file.exists() else []
        return [Message(*line.split("\t", 5)) for line in lines]

    def numbers(self) -> list[int]:
        found = (json.loads(message.text).get("n", 0) for message in self.taken)
        return [number for number in found if number]

    def section(self, certificate: str = "ours") -> SyslogSection:
        return SyslogSection(
            server=f"{HOST}:{self.port}",
            ca_file=self.folder / "ca.pem",
            certificate_file=self.folder / f"{certificate}.pem",
            key_file=self.folder / f"{certificate}.key",
        )


@pytest.fixture(params=["gtls", "ossl"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rsyslogd]:
    if not (MODULES / f"lmnsd_{request.param}.so").exists():
        package = {"gtls": "rsyslog-gnutls", "ossl": "rsyslog-openssl"}[request.param]
        pytest.skip(f"{package} is not installed")
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    made = Rsyslogd(folder, request.param)
    made.start()
    yield made
    made.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def audit_log(folder: Path, syslog: Syslog) -> AsyncIterator[AuditLog]:
    ledger = await Ledger.open(folder / "ledger.db")
    log = await AuditLog.open(folder / "audit.jsonl", ledger, syslog=syslog)
    yield log
    await log.close()
    await ledger.close()


def record(number: int) -> Record:
    return Record(
        who="uid:0(root)",
        what="revoke",
        result=Result.DONE,
        on=(str(number),),
        why="schön 😀 \u202e",
    )


async def test_rsyslogd_has_every_line_as_the_file_has_it(server: Rsyslogd, tmp_path: Path) -> None:
    async with audit_log(tmp_path, make_syslog(server.section())) as log:
        await asyncio.gather(*(log.note(record(number)) for number in range(500)))
        await until(lambda: len(server.taken) == 500)
    first = server.taken[0]
    assert (first.priority, first.app, first.msgid) == ("110", "evict", "revoke")
    assert first.structured.startswith('[meta sequenceId="1"][origin software="evict"')
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert [json.loads(m.text) for m in server.taken] == [json.loads(line) for line in lines]


async def test_a_restart_of_rsyslogd_loses_no_line(server: Rsyslogd, tmp_path: Path) -> None:
    syslog = make_syslog(server.section())
    async with audit_log(tmp_path, syslog) as log:
        for number in range(100):
            await log.note(record(number))
        await until(lambda: len(server.taken) == 100)
        await asyncio.to_thread(server.stop)
        for number in range(100, 200):
            await log.note(record(number))
        assert len(server.taken) == 100
        await asyncio.to_thread(server.start)
        await until(lambda: set(server.numbers()) == set(range(1, 201)))
    assert syslog.dropped == 0


async def test_rsyslogd_killed_in_the_middle_lacks_no_line(
    server: Rsyslogd, tmp_path: Path
) -> None:
    async with audit_log(tmp_path, make_syslog(server.section())) as log:
        await until(lambda: log.syslog is not None and log.syslog.connected)
        await asyncio.gather(*(log.note(record(number)) for number in range(2000)))
        await asyncio.to_thread(server.stop, kill=True)
        await asyncio.to_thread(server.start)
        await until(lambda: set(server.numbers()) == set(range(1, 2001)))


async def test_rsyslogd_takes_nothing_from_a_stranger(server: Rsyslogd, tmp_path: Path) -> None:
    if server.driver == "ossl":
        pytest.skip("rsyslogd 8.2302 with ossl took messages of a peer that is not permitted")
    syslog = make_syslog(server.section("stranger"))
    async with audit_log(tmp_path, syslog) as log:
        await log.note(record(1))
        await until(lambda: b"stranger.test" in (server.folder / "log").read_bytes())
        assert server.taken == []
