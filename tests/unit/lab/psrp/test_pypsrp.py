# SPDX-License-Identifier: Apache-2.0
"""Unmodified pypsrp against the site."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool

from tests.unit.lab.psrp.tiny import GUID, PASSWORD, TYPES, Estate, invoke, pool, script, told

WAYS = [
    pytest.param({"ssl": True, "auth": "basic"}, id="basic-tls"),
    pytest.param({"ssl": True, "auth": "negotiate"}, id="negotiate-tls"),
    pytest.param({"ssl": False, "auth": "negotiate"}, id="negotiate-sealed"),
    pytest.param({"ssl": False, "auth": "ntlm", "encryption": "always"}, id="ntlm-sealed"),
    pytest.param({"ssl": False, "auth": "ntlm", "username": "alice@corp.example"}, id="upn"),
]


@pytest.mark.parametrize("way", WAYS)
async def test_reads_an_object_with_types_and_nested_identity(
    estate: Estate, way: dict[str, Any]
) -> None:
    def work() -> Any:
        with pool(estate.client(**way)) as opened:
            (found,), _ = invoke(opened, "Get-CASMailbox", Identity="bob")
            return found

    found = await told(work)
    assert found.types == list(TYPES)
    assert str(found) == "bob"
    properties = found.adapted_properties
    assert (properties["OWAEnabled"], properties["Ids"]) == (True, ["a", "b"])
    assert str(properties["Guid"]) == str(GUID)
    assert properties["Nothing"] is None
    assert str(properties["Identity"]) == "corp.example/Users/bob"


@pytest.mark.parametrize("way", WAYS)
async def test_a_wrong_password_is_refused(estate: Estate, way: dict[str, Any]) -> None:
    def work() -> None:
        with pool(estate.client(**(way | {"password": "wrong"}))):
            pass

    with pytest.raises(AuthenticationError):
        await told(work)


async def test_ntlm_takes_the_former_password_where_the_directory_does(estate: Estate) -> None:
    estate.passwords["alice"] = ["new one", PASSWORD]

    def work() -> int:
        with pool(estate.client(ssl=False, auth="negotiate")) as opened:
            return len(invoke(opened, "Get-CASMailbox")[0])

    assert await told(work) == 1


@pytest.mark.parametrize("auth", ["negotiate", "ntlm"])
async def test_a_disabled_account_is_refused_with_the_right_password(
    estate: Estate, auth: str
) -> None:
    estate.disabled.add("alice")

    def work() -> None:
        with pool(estate.client(ssl=False, auth=auth)):
            pass

    with pytest.raises(AuthenticationError):
        await told(work)


async def test_basic_in_clear_is_refused(estate: Estate) -> None:
    def work() -> None:
        with pool(estate.client(ssl=False, auth="basic", encryption="never")):
            pass

    with pytest.raises(AuthenticationError):
        await told(work)


async def test_an_unsealed_message_over_http_is_refused(estate: Estate) -> None:
    def work() -> None:
        with pool(estate.client(ssl=False, auth="negotiate", encryption="never")):
            pass

    with pytest.raises(Exception, match="500"):
        await told(work)


async def test_streams_errors_and_refusals(estate: Estate) -> None:
    def work() -> dict[str, PowerShell]:
        with pool(estate.client()) as opened:
            return {
                "error": invoke(opened, "Get-CASMailbox", Identity="nobody")[1],
                "warning": invoke(opened, "Set-CASMailbox", Identity="bob", OWAEnabled=False)[1],
                "progress": invoke(opened, "Get-CASMailbox")[1],
                "command": invoke(opened, "Get-Nothing")[1],
                "parameter": invoke(opened, "Get-CASMailbox", Wibble=1)[1],
                "terminating": invoke(opened, "Remove-Everything")[1],
                "bug": invoke(opened, "Get-Broken")[1],
                "script": script(opened, "Get-CASMailbox | ?{$_.Name -eq 'x'}")[1],
            }

    got = await told(work)
    (error,) = got["error"].streams.error
    assert not got["error"].had_errors
    assert error.reason == "ManagementObjectNotFoundException"
    kind = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
    assert error.exception is not None
    assert error.exception.types[0] == kind
    assert [w.message for w in got["warning"].streams.warning] == ["nothing was modified"]
    (information,) = got["warning"].streams.information
    assert str(information.message_data) == "What if: nothing"
    assert [p.description for p in got["progress"].streams.progress] == ["reading"]
    for name, reason in (
        ("command", "CommandNotFoundException"),
        ("parameter", "ParameterBindingException"),
        ("terminating", "TaskInvalidOperationException"),
        ("bug", "InvalidOperationException"),
        ("script", "ParseException"),
    ):
        assert got[name].had_errors
        assert got[name].streams.error[-1].reason == reason
    assert got["parameter"].streams.error[-1].fq_error == "NamedParameterNotFound,Get-CASMailbox"


async def test_simple_scripts_and_pipelines_run(estate: Estate) -> None:
    def work() -> list[list[Any]]:
        with pool(estate.client()) as opened:
            piped = PowerShell(opened)
            piped.add_cmdlet("Get-CASMailbox").add_argument("carol").add_cmdlet("Use-Input")
            fed = PowerShell(opened).add_cmdlet("Use-Input")
            return [
                script(opened, "Get-CASMailbox -Identity 'bob'; Get-CASMailbox dave | Use-Input")[
                    0
                ],
                list(piped.invoke()),
                list(fed.invoke(["one", "two"])),  # type: ignore[arg-type]
                script(opened, "Set-CASMailbox bob -OWAEnabled:$false -Ids a,b")[0],
            ]

    two, one, fed, nothing = await told(work)
    assert [str(item) for item in two] == ["bob", "dave"]
    assert (one, fed, nothing) == (["carol"], ["text one", "text two"], [])
    assert estate.registry.seen[-1] == (
        "Set-CASMailbox",
        {"Identity": "bob", "OWAEnabled": False, "Ids": ["a", "b"]},
    )


async def test_two_thousand_objects_and_long_arguments(estate: Estate) -> None:
    ids = [f"DEVICE{n:026d}" for n in range(4000)]

    def work() -> list[Any]:
        with pool(estate.client()) as opened:
            invoke(opened, "Set-CASMailbox", Identity="bob", Ids=ids)
            return invoke(opened, "Get-CASMailbox", ResultSize=2000)[0]

    found = await told(work)
    assert [item.adapted_properties["Number"] for item in found] == list(range(2000))
    assert estate.registry.seen[0][1]["Ids"] == ids


async def test_a_running_cmdlet_is_stopped(estate: Estate) -> None:
    def work() -> PowerShell:
        with pool(estate.client()) as opened:
            slow = PowerShell(opened).add_cmdlet("Start-Slow")
            slow.begin_invoke()
            slow.poll_invoke()
            slow.stop()
            slow.close()
            again, _ = invoke(opened, "Get-CASMailbox")
            assert len(again) == 1
            return slow

    slow = await told(work)
    assert slow.state == 3  # stopped
    await asyncio.wait_for(estate.registry.stopped.wait(), 5)


async def test_two_pipelines_do_not_wait_for_one_another(estate: Estate) -> None:
    def work() -> list[Any]:
        with pool(estate.client(operation_timeout=1, read_timeout=5)) as opened:
            slow = PowerShell(opened).add_cmdlet("Start-Slow")
            slow.begin_invoke()
            found, _ = invoke(opened, "Get-CASMailbox", Identity="bob")
            slow.stop()
            slow.close()
            return found

    assert [str(item) for item in await told(work)] == ["bob"]


async def test_a_vanished_shell_is_a_fault_and_a_new_one_opens(estate: Estate) -> None:
    loop = asyncio.get_running_loop()

    def work() -> WSManFaultError:
        wsman = estate.client()
        with wsman:
            opened = RunspacePool(wsman, configuration_name="Microsoft.Exchange")
            opened.open()
            asyncio.run_coroutine_threadsafe(estate.site.close(), loop).result(5)
            with pytest.raises(WSManFaultError) as caught:
                invoke(opened, "Get-CASMailbox")
        with pool(estate.client()) as other:
            assert len(invoke(other, "Get-CASMailbox")[0]) == 1
        return caught.value

    assert (await told(work)).code == 0x8033805B


async def test_configuration_role_and_number_of_shells_are_checked(estate: Estate) -> None:
    limit = 18

    def work() -> list[Any]:
        codes = []
        for client, configuration in (
            (estate.client(), "Microsoft.PowerShell"),
            (estate.client(username="nobody"), "Microsoft.Exchange"),
        ):
            with pytest.raises(WSManFaultError) as caught, pool(client, configuration):
                pass
            codes.append(caught.value.code)
        clients = [estate.client() for _ in range(limit + 1)]
        pools = [RunspacePool(c, configuration_name="Microsoft.Exchange") for c in clients]
        for opened in pools[:limit]:
            opened.open()
        with pytest.raises(WSManFaultError) as caught:
            pools[limit].open()
        codes.append(caught.value.code)
        for opened in pools[:limit]:
            opened.close()
        for client in clients:
            client.close()
        return codes

    assert await told(work) == [0x80338000, 5, 0x803381A4]
    assert estate.site.operations.shells == {}


async def test_a_secure_string_arrives_as_text(estate: Estate) -> None:
    def work() -> None:
        with pool(estate.client()) as opened:
            opened.exchange_keys()
            secret = opened.serialize("hush", _secure())
            invoke(opened, "Set-CASMailbox", Secret=secret)

    def _secure() -> Any:
        from pypsrp.complex_objects import ObjectMeta  # noqa: PLC0415

        return ObjectMeta("SS")

    await told(work)
    assert estate.registry.seen[-1][1] == {"Secret": "hush"}


async def test_the_pool_answers_about_itself_and_its_commands(estate: Estate) -> None:
    def work() -> tuple[Any, ...]:
        with pool(estate.client()) as opened:
            names, _ = invoke(opened, "Get-Command", Name="Get-*")
            alive = opened.is_alive()
            return (
                alive,
                opened.get_available_runspaces(),
                [n.extended_properties["Name"] for n in names],
            )

    alive, free, names = await told(work)
    assert alive
    assert free == 1
    assert names == ["Get-Broken", "Get-CASMailbox"]
