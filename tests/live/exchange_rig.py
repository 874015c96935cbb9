# SPDX-License-Identifier: Apache-2.0
"""The embedded Exchange organisation behind a real front, and Evict with its agent beside it.

Long: three fronts before one organisation; what differs between them stands on one page.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import httpx2
import pytest
import spnego
from msgspec import structs

from evict.agent.service import run_agent
from evict.cli.demo.app import endpoints_of
from evict.cli.demo.clients import Clients
from evict.config.load import load
from evict.config.model import Config
from evict.control.service import ControlService
from evict.core.endpoint import Endpoint
from evict.evidence.keys import make_keys
from evict.lab.certificates import Authority
from evict.lab.estate.layout import DOMAIN, FRONT_NAME, HTTPS_PORT, NETBIOS, Layout
from evict.lab.estate.organisation import Options, running
from evict.lab.estate.people import Person
from evict.systems.forward_auth.products import OWA
from evict.systems.forward_auth.site import Site
from evict.systems.forward_auth.snippet import snippet
from evict.systems.haproxy.snippet import parts
from tests.lab.place import Place

CLOSED: Final = "forbidden by administrative rules"
"""In the body of HAProxy's own refusal: nobody behind it was asked."""
HALF_LIFE_S: Final = 7 * 3600.0
"""More than half of what OWA's cookie of a private computer lives (8 hours and a half of it)."""
AUTODISCOVER: Final = "/Autodiscover/Autodiscover.xml"
_FRONT: Final = 7
"""Of the addresses that are counted from an organisation's own, one that it leaves free."""
_numbers = itertools.count()


@dataclass
class Behind:
    """One organisation, and the front before it.

    Attributes:
        front: the front's address; the port is the organisation's.
        trust: certificates of the front and of the servers.
    """

    place: Place
    front: str
    trust: Path
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Web doors at the front, the others at a server."""
        layout = self.place.layout
        return tuple(
            structs.replace(e, host=self.front, ca_file=self.trust)
            if e.host == layout.address
            else e
            for e in endpoints_of(layout)
        )

    async def clients(self, person: Person, *, anew: bool = True) -> Clients:
        """A browser, a phone with a Ping held, EWS, MAPI: signed in at the front."""
        made = Clients(person, DOMAIN, anew=anew)
        self.stack.push_async_callback(made.stop)
        await made.open(e for e in self.endpoints if e.host == self.front)
        return made

    async def client(self, headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
        """One with a connection of its own; it follows nothing, and keeps cookies."""
        made = httpx2.AsyncClient(
            verify=ssl.create_default_context(cafile=self.trust),
            trust_env=False,
            timeout=20,
            base_url=f"https://{self.front}:{HTTPS_PORT}",
            headers={"Host": FRONT_NAME, **(headers or {})},
        )
        return await self.stack.enter_async_context(made)

    async def browser(self, person: Person) -> httpx2.AsyncClient:
        """Somebody who came in by OWA's form."""
        made = await self.client()
        form = {"destination": "/owa/", "flags": "4", "username": person.upn(DOMAIN)}
        answer = await made.post("/owa/auth.owa", data={**form, "password": person.password})
        assert (answer.status_code, answer.headers.get("location")) == (302, "/owa/"), answer.text
        return made

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ControlService]:
        """Evict, its agent, and a front that lets people in."""
        stop = asyncio.Event()
        async with ControlService(self.place.config) as service, self.stack:
            agent = asyncio.create_task(run_agent(self.place.config, stop))
            try:
                await self._let_in()
                yield service
            finally:
                await self.stack.aclose()
                stop.set()
                await asyncio.wait([agent])

    async def _let_in(self) -> None:
        client = await self.client()
        async with asyncio.timeout(20):
            while (await client.get("/owa/auth/logon.aspx")).status_code >= 500:
                await asyncio.sleep(0.02)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


async def integrated(
    client: httpx2.AsyncClient, person: Person, path: str, body: bytes, **headers: str
) -> httpx2.Response:
    """Sign in this client's one connection by NTLM; the answer to the last leg."""
    context = spnego.client(f"{NETBIOS}\\{person.sam}", person.password, protocol="ntlm")
    token = context.step()
    while True:
        assert token is not None
        sent = {"Authorization": f"NTLM {base64.b64encode(token).decode()}", **headers}
        answer = await client.post(path, content=body, headers=sent)
        offered = dict(v.partition(" ")[::2] for v in answer.headers.get_list("www-authenticate"))
        if answer.status_code != 401 or not offered.get("NTLM"):
            return answer
        token = context.step(base64.b64decode(offered["NTLM"]))


@asynccontextmanager
async def behind_haproxy(
    folder: Path, *, unidentified: str = "refuse", version: str = "2019"
) -> AsyncIterator[Behind]:
    """Debian's HAProxy with the snippet in it, before two servers."""
    layout = Layout(folder=folder / "lab", address=_own_address())
    cookie = 'cookie = "sessionid"' if version == "2010" else ""
    section = f"""\
[exchange.haproxy]
runtime = "{layout.folder}/admin.sock"
map_folder = "{layout.folder}/maps"
state_file = "{layout.folder}/cookies"
unidentified = "{unidentified}"
{cookie}
"""
    async with _behind(layout, version, section, _haproxy) as behind:
        yield behind


@asynccontextmanager
async def behind_asker(folder: Path, front: str) -> AsyncIterator[Behind]:
    """Debian's nginx or Caddy with the snippet in it, before one server."""
    layout = Layout(folder=folder / "lab", address=_own_address())
    section = f"""\
[exchange.hook]
front = "{front}"
listen = "{layout.hook}:4003"
login_listen = "{layout.hook}:4004"
login_upstream = "https://{layout.server(layout.servers[0])}:{HTTPS_PORT}"
ca_file = "{layout.ca_file}"
server_name = "{FRONT_NAME}"
"""
    write = {"nginx": _nginx, "caddy": _caddy}[front]
    async with _behind(layout, "2019", section, write) as behind:
        yield behind


@asynccontextmanager
async def _behind(
    layout: Layout, version: str, section: str, write: Callable[[Layout, str, Config], list[str]]
) -> AsyncIterator[Behind]:
    """Args: write: the front's configuration; its command."""
    async with running(layout, Options(version=version, people=8, hook=False)) as lab:
        make_keys(layout.folder / "keys")
        front = str(IPv4Address(layout.address) + _FRONT)
        config = _settings(layout, front, section)
        command = write(layout, front, config)
        with (layout.folder / "front.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            await _listens(front, process)
            yield Behind(Place(layout, lab, config), front, layout.folder / "trust.pem")
        finally:
            process.terminate()
            await process.wait()


def _own_address() -> str:
    """Some dozen addresses are counted from it."""
    return f"127.169.{os.getpid() % 250}.{1 + next(_numbers) % 12 * 20}"


def _settings(layout: Layout, front: str, section: str) -> Config:
    """As `evict lab` writes them, with the front in its balancer's place."""
    (layout.folder / "maps").mkdir()
    text = layout.config.read_text().replace(
        f'host = "{layout.address}"\nport', f'host = "{front}"\nport'
    )
    trust = layout.folder / "trust.pem"
    text = text.replace(f'ca_file = "{layout.ca_file}"', f'ca_file = "{trust}"')
    authority = Authority("front")
    trust.write_bytes(layout.ca_file.read_bytes() + authority.ca_pem)
    certificate, key = authority.issue(FRONT_NAME, front)
    (layout.folder / "front.pem").write_bytes(certificate + key)
    layout.config.write_text(f"{text}\n{section}")
    return load(layout.config)


def _haproxy(layout: Layout, front: str, config: Config) -> list[str]:
    (section,) = config.exchange
    assert section.haproxy is not None
    of = parts(section.name, section.haproxy, "exchange")
    for file in of.files:
        file.touch()
    tls = f"ssl verify required ca-file {layout.ca_file} verifyhost {FRONT_NAME}"
    lines = [
        "global",
        *(f"  {line}" for line in of.global_lines),
        *("defaults", "  mode http", "  timeout connect 5s", "  timeout client 1h"),
        "  timeout server 1h",
        "frontend web",
        f"  bind {front}:{HTTPS_PORT} ssl crt {layout.folder}/front.pem",
        f"  default_backend {section.name}",
        f"backend {section.name}",
        *(f"  {line}" for line in of.backend_lines),
        "  balance source",
        *(
            f"  server {name} {layout.server(name)}:{HTTPS_PORT} {tls} sni str({FRONT_NAME})"
            for name in layout.servers
        ),
        *of.sections,
        "",
    ]
    path = layout.folder / "haproxy.cfg"
    path.write_text("\n".join(lines))
    return [_program("haproxy"), "-db", "-f", str(path)]


def _site(layout: Layout, config: Config, host: str) -> Site:
    (section,) = config.exchange
    assert section.hook is not None
    return Site(
        name=section.name,
        host=host,
        upstream=f"https://{layout.server(layout.servers[0])}:{HTTPS_PORT}",
        settings=section.hook,
        product=OWA,
    )


def _caddy(layout: Layout, front: str, config: Config) -> list[str]:
    folder = layout.folder
    site = _site(layout, config, f"https://{FRONT_NAME}:{HTTPS_PORT}")
    head, _, rest = snippet("caddy", site).partition(f"{site.host} {{\n")
    path = folder / "Caddyfile"
    path.write_text(
        "{\n\tadmin off\n\tauto_https off\n"
        f"\tdefault_bind {front}\n\tstorage file_system {folder}\n}}\n"
        f"{head}{site.host} {{\n\ttls {folder}/front.pem {folder}/front.pem\n{rest}"
    )
    settings = [f"{name}={folder}" for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")]
    run = [_program("caddy"), "run", "--config", str(path), "--adapter", "caddyfile"]
    return ["/usr/bin/env", *settings, *run]


def _nginx(layout: Layout, front: str, config: Config) -> list[str]:
    site = _site(layout, config, FRONT_NAME)
    http, _, server = snippet("nginx", site).partition("# --- into server { } ---\n")
    folder = layout.folder
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temps = "".join(f"{name}_temp_path {folder}/{name}; " for name in names)
    user = "user root;\n" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(
        f"{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 256; }}\nhttp {{ access_log off; {temps}\n{http}\n"
        f"server {{ listen {front}:{HTTPS_PORT} ssl;\n"
        f"ssl_certificate {folder}/front.pem; ssl_certificate_key {folder}/front.pem;\n"
        f"{server}\n}} }}\n"
    )
    return [_program("nginx"), "-p", str(folder), "-c", str(path), "-e", f"{folder}/start.log"]


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


async def _listens(front: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(20):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection(front, HTTPS_PORT)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
    raise AssertionError("the front did not start")
