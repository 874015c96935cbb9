# SPDX-License-Identifier: Apache-2.0
"""A directory server with any number of generated accounts, for `bench.watch_compare`.

It answers what a watch and a reading ask, and nothing else; it keeps no tree and matches no filter.
From its second full reading on, every 200th account is disabled. Prints its port.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from anyldap.protocols import pureldap

from evict.lab.certificates import Authority
from evict.lab.ldap import codec

BASE: Final = "DC=corp,DC=test"
EACH: Final = 200
"""Every so many-th account leaves between the readings."""
_TOMBSTONES: Final = 2000
_GROUPS: Final = 1500
_SID: Final = bytes.fromhex("010400000000000515000000") + b"\x01\x00\x00\x00" * 3
_NAMESPACE: Final = uuid.UUID("6ba7b813-9dad-11d1-80b4-00c04fd430c8")
_SERVICE: Final = f"CN=NTDS Settings,CN=DC1,CN=Configuration,{BASE}"
_NEVER: Final = b"9223372036854775807"
_LATER: Final = b"150000000000000000"
"""Of every tenth account: what expires has to be remembered."""
_DELETED: Final = b"1.2.840.113556.1.4.417"
_DIRSYNC: Final = b"1.2.840.113556.1.4.841"
_PAGED: Final = b"1.2.840.113556.1.4.319"
Attributes = dict[str, Sequence[bytes]]


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def message(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    head = element(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
    return element(0x30, head + operation + (element(0xA0, controls) if controls else b""))


def entry(dn: str, attributes: Attributes) -> bytes:
    parts = b"".join(
        element(
            0x30,
            element(0x04, name.encode())
            + element(0x31, b"".join(element(0x04, value) for value in values)),
        )
        for name, values in attributes.items()
    )
    return element(0x64, element(0x04, dn.encode()) + element(0x30, parts))


def done(tag: int = 0x65) -> bytes:
    return element(tag, b"\x0a\x01\x00\x04\x00\x04\x00")


def control(oid: bytes, value: bytes) -> bytes:
    return element(0x30, element(0x04, oid) + element(0x04, value))


def group_dn(number: int) -> str:
    return f"CN=Group {number},OU=Groups,{BASE}"


class Generated:
    """The accounts, made when they are asked for."""

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts
        self._numbers = {self._guid(number): number for number in range(accounts)}
        self.readings = 0

    @staticmethod
    def _guid(number: int) -> bytes:
        return uuid.uuid5(_NAMESPACE, str(number)).bytes_le

    def account(self, number: int) -> bytes:
        left = self.readings > 1 and number % EACH == 0
        name = f"person.{number}"
        groups = [group_dn((number * 7 + k * 131) % _GROUPS).encode() for k in range(6)]
        return entry(
            f"CN=Person {number},OU=Unit {number % 40},OU=People,{BASE}",
            {
                "objectClass": (b"top", b"person", b"organizationalPerson", b"user"),
                "objectGUID": (self._guid(number),),
                "sAMAccountName": (name.encode(),),
                "sAMAccountType": (b"805306368",),
                "userPrincipalName": (f"{name}@corp.test".encode(),),
                "mail": (f"{name}@corp.test".encode(),),
                "proxyAddresses": (
                    f"SMTP:{name}@corp.test".encode(),
                    f"smtp:p{number}@corp.test".encode(),
                    f"smtp:{name}@mail.corp.test".encode(),
                ),
                "displayName": (f"Person {number}".encode(),),
                "userAccountControl": (b"514" if left else b"512",),
                "primaryGroupID": (b"513",),
                "memberOf": groups,
                "accountExpires": (_NEVER if number % 10 else _LATER,),
                "pwdLastSet": (b"133485408000000000",),
            },
        )

    def tombstone(self, number: int) -> bytes:
        guid = uuid.uuid5(_NAMESPACE, f"gone {number}")
        return entry(
            f"CN=Gone {number}\\0ADEL:{guid},CN=Deleted Objects,{BASE}",
            {
                "objectClass": (b"top", b"person", b"organizationalPerson", b"user"),
                "objectGUID": (guid.bytes_le,),
                "sAMAccountName": (f"gone.{number}".encode(),),
                "isDeleted": (b"TRUE",),
                "lastKnownParent": (f"OU=People,{BASE}".encode(),),
                "userAccountControl": (b"514",),
            },
        )

    def page(self, size: int, cookie: bytes, *, deleted: bool) -> tuple[list[bytes], bytes]:
        first = int(cookie or b"0")
        if not deleted and not first:
            self.readings += 1
        total = _TOMBSTONES if deleted else self._accounts
        last = min(first + size, total)
        make = self.tombstone if deleted else self.account
        found = [make(number) for number in range(first, last)]
        return found, b"" if last == total else str(last).encode()

    def named(self, base: str) -> Iterator[bytes]:
        """One entry by its name."""
        low = base.lower()
        if not base:
            yield entry(
                "",
                {
                    "defaultNamingContext": (BASE.encode(),),
                    "configurationNamingContext": (f"CN=Configuration,{BASE}".encode(),),
                    "dsServiceName": (_SERVICE.encode(),),
                    "dnsHostName": (b"dc1.corp.test",),
                    "highestCommittedUSN": (b"1000000",),
                },
            )
        elif low.startswith("<guid="):
            number = self._numbers.get(uuid.UUID(base[6:-1]).bytes_le)
            if number is not None:
                yield self.account(number)
        elif base == _SERVICE:
            yield entry(base, {"invocationId": (bytes(range(16)),)})
        elif base == BASE:
            yield entry(base, {"objectSid": (_SID,)})
        else:
            yield entry(base, {"objectClass": (b"top", b"container")})

    def listed(self, request: pureldap.LDAPSearchRequest) -> Iterator[bytes]:
        """Groups by their names, the primary group, and which domain this is."""
        base, what = codec.text(request.baseObject), request.filter
        if base.startswith("CN=Partitions"):
            yield entry(base, {"nETBIOSName": (b"CORP",), "dnsRoot": (b"corp.test",)})
            return
        parts = list(what) if isinstance(what, pureldap.LDAPFilter_or) else [what]
        for part in parts:
            if not isinstance(part, pureldap.LDAPFilter_equalityMatch):
                continue
            assert part.assertionValue is not None
            if codec.text(part.attributeDesc.value) == "objectSid":
                yield entry(f"CN=Domain Users,CN=Users,{BASE}", {})
                continue
            dn = codec.text(part.assertionValue.value)
            inner = dn.startswith("CN=Group ") and int(dn[9:].split(",")[0]) % 5
            outer = [f"CN=Section {inner},OU=Groups,{BASE}".encode()] if inner else []
            yield entry(dn, {"memberOf": outer} if outer else {})


class Server:
    """LDAPS on one address."""

    def __init__(self, generated: Generated) -> None:
        self._generated = generated

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                request = codec.decode(await _frame(reader))
                if isinstance(request.value, pureldap.LDAPUnbindRequest):
                    break
                writer.write(b"".join(self._answers(request)))
                await writer.drain()
        writer.transport.abort()

    def _answers(self, request: pureldap.LDAPMessage) -> Iterator[bytes]:
        number, asked = int(request.id), request.value
        if isinstance(asked, pureldap.LDAPBindRequest):
            yield message(number, done(0x61))
            return
        assert isinstance(asked, pureldap.LDAPSearchRequest)
        controls = {oid: value for oid, _, value in codec.controls_of(request)}
        if _DIRSYNC in controls:
            value = element(0x30, b"\x02\x01\x00\x02\x01\x00" + element(0x04, b"cookie"))
            yield message(number, done(), control(_DIRSYNC, value))
            return
        extra = b""
        if _PAGED in controls:
            size, cookie = codec.page_request(controls[_PAGED] or b"")
            found, following = list(self._generated.listed(asked)), b""
            if _DELETED in controls or _asks_people(asked):
                deleted = _DELETED in controls
                found, following = self._generated.page(size, cookie, deleted=deleted)
            value = element(0x30, b"\x02\x01\x00" + element(0x04, following))
            extra = control(_PAGED, value)
        elif asked.scope == 0:
            found = list(self._generated.named(codec.text(asked.baseObject)))
        else:
            found = list(self._generated.listed(asked))
        yield from (message(number, one) for one in found)
        yield message(number, done(), extra)


def _asks_people(asked: pureldap.LDAPSearchRequest) -> bool:
    what = asked.filter
    if not isinstance(what, pureldap.LDAPFilter_equalityMatch):
        return False
    return codec.text(what.attributeDesc.value) == "sAMAccountType"


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    size = head[1]
    if size & 0x80:
        extra = await reader.readexactly(size & 0x7F)
        head += extra
        size = int.from_bytes(extra, "big")
    return head + await reader.readexactly(size)


async def serve(accounts: int, host: str, ca_file: Path) -> None:
    authority = Authority()
    server = await asyncio.start_server(
        Server(Generated(accounts)).serve, host, 0, ssl=authority.server_context(host)
    )
    authority.write_ca(ca_file)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.generated_directory", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--host", default="127.162.9.1")
    parser.add_argument("--ca-file", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.accounts, arguments.host, arguments.ca_file))


if __name__ == "__main__":
    main()
