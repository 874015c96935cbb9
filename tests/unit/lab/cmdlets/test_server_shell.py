# SPDX-License-Identifier: Apache-2.0
"""Pools, iisreset, the registry, services, logs."""

from __future__ import annotations

import pytest

from evict.lab.cmdlets.registry import CmdletError, server_registry
from evict.lab.model.profile import Version
from evict.lab.model.words import Pool, Protocol
from tests.unit.lab.cmdlets.desk import Desk

KEY = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\InetInfo\\Parameters"
LOGS = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Logging\\HttpProxy\\*\\*.LOG"
IIS_LOGS = "C:\\inetpub\\logs\\LogFiles\\W3SVC1\\*.log"


def test_a_recycle_ends_what_a_token_let_in_on_this_server_and_pool_alone() -> None:
    desk = Desk()
    assert desk.token(Pool.OWA)
    assert desk.token(Pool.SYNC)
    desk.org.directory.disable("ann")
    assert desk.token(Pool.OWA)
    assert desk.at_server("Restart-WebAppPool", "msexchangeowaapppool").outputs == []
    assert not desk.token(Pool.OWA)
    assert desk.token(Pool.SYNC)


def test_pools_that_are_there_and_one_that_is_not() -> None:
    desk = Desk()
    names = desk.at_server("Get-WebAppPoolState").column("ItemXPath")
    assert Pool.MAPI.value in names
    assert desk.at_server("Restart-WebAppPool", Name="MSExchangeRpcProxyAppPool").errors == []
    assert desk.at_server("Get-WebAppPoolState", "DefaultAppPool").one["Value"] == "Started"
    said = desk.at_server("Restart-WebAppPool", Name="NoPool")
    assert [e.reason for e in said.errors] == ["ItemNotFoundException"]
    old = Desk(Version.V2010).at_server("Get-WebAppPoolState").column("ItemXPath")
    assert Pool.MAPI.value not in old
    assert Pool.OWA.value in old


@pytest.mark.parametrize("option", ["", "/noforce", "/force", "/restart"])
def test_iisreset_empties_every_pool(option: str) -> None:
    desk = Desk()
    assert desk.token()
    desk.org.directory.disable("ann")
    said = desk.at_server("iisreset", *([option] if option else []))
    assert said.texts[-1] == "Internet services successfully restarted"
    assert not desk.token()


def test_iisreset_gives_up_where_a_request_does_not_end_unless_it_is_to_force() -> None:
    desk = Desk()
    desk.token()
    desk.org.directory.disable("ann")
    desk.org.servers["ex01"].stops_late = True
    said = desk.at_server("iisreset", "/noforce")
    assert "Restart attempt failed." in said.texts
    assert desk.token()
    assert "successfully restarted" in desk.at_server("iisreset.exe", "/force").texts[-1]
    assert not desk.token()


def test_iisreset_tells_its_state_and_what_it_does_not_know() -> None:
    desk = Desk()
    assert all(": Running" in line for line in desk.at_server("iisreset", "/STATUS").texts)
    assert "Syntax error" in desk.at_server("iisreset", "/gently").texts[0]


def test_the_token_s_life_is_not_set_then_set_then_not() -> None:
    desk = Desk()
    missing = desk.at_server("Get-ItemProperty", Path=KEY, Name="UserTokenTTL")
    assert "does not exist" in missing.errors[0].message
    desk.at_server("Set-ItemProperty", KEY, "UserTokenTTL", 30, Type="DWord")
    assert desk.at_server("Get-ItemProperty", KEY, "UserTokenTTL").one["UserTokenTTL"] == 30
    assert desk.org.servers["ex01"].token_ttl_s == 30
    assert desk.org.servers["ex02"].token_ttl_s == 900
    other = server_registry(desk.org, "ex02")
    assert list(other.invoke("Get-ItemProperty", [(None, KEY)], caller="admin"))
    desk.at_server("Remove-ItemProperty", KEY, "UserTokenTTL")
    assert desk.at_server("Get-ItemProperty", KEY, "UserTokenTTL").errors
    assert desk.org.servers["ex01"].token_ttl_s == 900


def test_a_default_that_was_written_is_a_value() -> None:
    desk = Desk()
    desk.at_server("New-ItemProperty", KEY, "UserTokenTTL", "900", PropertyType="DWord")
    assert desk.at_server("Get-ItemProperty", KEY).one["UserTokenTTL"] == 900


@pytest.mark.parametrize("value", ["-1", "soon", 2**31])
def test_what_is_no_life(value: object) -> None:
    desk = Desk()
    with pytest.raises(CmdletError, match="Cannot convert value"):
        desk.at_server("Set-ItemProperty", KEY, "UserTokenTTL", value)
    assert desk.org.servers["ex01"].token_ttl_s == 900


def test_another_key_and_a_value_of_another_case() -> None:
    desk = Desk()
    said = desk.at_server("Get-ItemProperty", Path="HKLM:\\SOFTWARE\\Nothing")
    assert said.errors[0].reason == "ItemNotFoundException"
    assert desk.at_server("Set-ItemProperty", KEY, "usertokenttl", 1).errors == []
    assert desk.org.servers["ex01"].token_ttl_s == 900
    name = KEY.replace("HKLM:", "Registry::HKEY_LOCAL_MACHINE")
    assert desk.at_server("Get-ItemProperty", Path=name).errors == []


@pytest.mark.parametrize(
    ("service", "protocol"),
    [("MSExchangeImap4", Protocol.IMAP), ("msexchangepop3", Protocol.POP3)],
)
def test_a_service_is_restarted_and_its_connections_end(service: str, protocol: Protocol) -> None:
    desk = Desk()
    ended: list[str] = []
    desk.org.sessions.open(desk.signed_in(protocol), pool=None, on_end=ended.append)
    desk.org.sessions.open(desk.signed_in(Protocol.SMTP), pool=None, on_end=ended.append)
    said = desk.at_server("Restart-Service", service, Force=True, PassThru=True)
    assert said.one["Status"] == "Running"
    assert len(ended) == 1


def test_services_by_pattern_and_one_that_is_not_there() -> None:
    desk = Desk()
    names = desk.at_server("Get-Service", "MSExchangeI*").column("Name")
    assert names == ["MSExchangeImap4", "MSExchangeIMAP4BE"]
    said = desk.at_server("Get-Service", Name=["MSExchangePop3", "Nothing"])
    assert len(said.objects) == 1
    assert "Cannot find any service" in said.errors[0].message
    assert desk.at_server("Restart-Service", "Nothing").errors
    assert Desk(Version.V2010).at_server("Get-Service", "MSExchangeRPC").objects


def log(desk: Desk) -> None:
    desk.org.log("ex01", Protocol.OWA, "ann", 200, url="/owa/service.svc")
    desk.wait(60)
    desk.org.log("ex01", Protocol.ACTIVESYNC, "ann", 401)
    desk.org.log("ex01", Protocol.EWS, "bob", 200)
    desk.org.log("ex01", Protocol.IMAP, "ann", 200)
    desk.org.log("ex02", Protocol.OWA, "ann", 200)


def test_a_server_s_log_says_whom_it_served() -> None:
    desk = Desk()
    log(desk)
    said = desk.at_server("Select-String", Path=LOGS, SimpleMatch=True, Pattern="ANN")
    assert said.column("Line") == [
        "2023-11-14T22:13:20.000Z,EX01,Owa,CORP\\ann,200,/owa/service.svc",
        "2023-11-14T22:14:20.000Z,EX01,Eas,CORP\\ann,401,/Microsoft-Server-ActiveSync",
    ]
    assert said.column("Filename") == ["HttpProxy_2023111422-1.LOG"] * 2
    assert "\\HttpProxy\\Owa\\" in str(said.column("Path")[0])
    assert said.objects[0].to_string.endswith("/owa/service.svc")


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"Pattern": ["2023-11-14T22:14"], "SimpleMatch": True}, 2),
        ({"Pattern": ["nothing", "bob"], "SimpleMatch": True}, 1),
        ({"Pattern": ",(ann|corp.bob),201"}, 0),
        ({"Pattern": "corp.(ann|bob),200"}, 2),
        ({"Pattern": "ann", "Path": LOGS.replace("*\\*", "Eas\\*")}, 1),
        ({"Pattern": "ann", "Path": IIS_LOGS}, 2),
        ({"Pattern": "ann", "Path": [LOGS, IIS_LOGS]}, 4),
        ({"Pattern": "#Fields:", "SimpleMatch": True}, 3),
        ({"Pattern": "#Fields:", "Path": IIS_LOGS}, 1),
    ],
)
def test_a_log_is_searched(given: dict[str, object], count: int) -> None:
    desk = Desk()
    log(desk)
    assert len(desk.at_server("Select-String", **{"Path": LOGS, **given}).objects) == count


def test_a_log_that_is_not_there_and_a_pattern_that_is_none() -> None:
    desk = Desk()
    said = desk.at_server("Select-String", Pattern="x", Path="D:\\logs\\*")
    assert said.errors[0].reason == "ItemNotFoundException"
    assert desk.at_server("Select-String", Pattern="(", Path=LOGS).errors[0].reason == (
        "ArgumentException"
    )


def test_2010_has_no_log_of_a_proxy_and_iis_has_one() -> None:
    desk = Desk(Version.V2010)
    log(desk)
    assert desk.at_server("Select-String", Pattern="ann", Path=LOGS).outputs == []
    lines = desk.at_server("Select-String", Pattern="ann", Path=IIS_LOGS).column("Line")
    assert lines[0] == "2023-11-14 22:13:20 W3SVC1 POST /owa/service.svc CORP\\ann 200"


def test_a_log_grows_and_loses_its_oldest_lines() -> None:
    desk = Desk()
    kept = desk.org.servers["ex01"].log.maxlen
    assert kept is not None
    log(desk)
    given = {"Pattern": "ann", "Path": LOGS, "SimpleMatch": True}
    assert len(desk.at_server("Select-String", **given).objects) == 2
    log(desk)
    assert len(desk.at_server("Select-String", **given).objects) == 4
    for _ in range(kept - 1):
        desk.org.log("ex01", Protocol.EWS, "bob", 200)
    desk.org.log("ex01", Protocol.EWS, "ann", 200)
    assert len(desk.at_server("Select-String", **given).objects) == 1
