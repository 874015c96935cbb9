# SPDX-License-Identifier: Apache-2.0
"""The listener of a real `evict serve`: health, metrics, and orders with a token."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from evict.config.audit import AuditSection
from evict.config.guard import GuardSection
from evict.config.watch import WatchSection
from tests.contract.fake_controller import Fault
from tests.contract.fake_entries import BASE_DN
from tests.fault.control.town import UPN
from tests.fault.service.serving import Manager, Service, served

HOSTILE = ('eve"} 1\nevil_metric 1', "mallory{x}", "ΑΒΓ\u202egnp", "o'neil\\")


def revoke(name: str, request: str = "r1") -> dict[str, Any]:
    return {"type": "revoke", "names": [name], "request": request, "reason": "left"}


async def samples(service: Service) -> dict[str, float]:
    """`name{label="value"}` -> value; the text is OpenMetrics, or the parser says so."""
    status, text = await service.get("/metrics")
    assert status == 200
    assert text.endswith("# EOF\n")
    found = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def test_an_order_with_a_token_is_carried_out_and_told_line_by_line(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.2.1") as service:
        token = await service.token("close")
        status, lines = await service.order(revoke(UPN), token)
        assert status == 200
        kinds = [line["type"] for line in lines]
        assert kinds[-1] == "end"
        assert "committed" in kinds
        assert not service.town.enabled
        found = await samples(service)
        assert found['evict_closings_total{source="token"}'] == 1
        assert found["evict_revoked_accounts"] == 1
        assert found['evict_requests_total{outcome="ok",way="http"}'] == 1
        assert found['evict_requests_total{outcome="ok",way="socket"}'] == 1
        assert found["evict_append_seconds_count"] >= 1
        assert sum(v for k, v in found.items() if k.startswith("evict_case_seconds_count")) == 1
        log = service.log.read_text()
        assert token not in log
        assert UPN not in log


async def test_who_may_not_is_told_so_and_nothing_happens(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.2.2") as service:
        reading = await service.token("read")
        refused = await service.order(revoke(UPN), reading)
        assert refused[0] == 403
        assert refused[1][0]["code"] == "not-allowed"
        for bad in ("", "evict_wrong", reading[:-1]):
            status, lines = await service.order(revoke(UPN), bad)
            assert (status, lines[0]["type"]) == (401, "failed")
        status, _ = await service.order({"type": "revoke", "nmaes": []}, reading)
        assert status == 400
        found = await samples(service)
        assert found['evict_requests_total{outcome="not-allowed",way="http"}'] == 4
        assert found['evict_requests_total{outcome="usage",way="http"}'] == 1
        allowed = await service.order({"type": "look", "what": "status"}, reading)
        assert allowed[0] == 200
        assert allowed[1][0]["data"]["accounts"] == []
        assert service.town.enabled


async def test_no_name_gets_into_a_metric_whatever_is_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.2.3") as service:
        store = service.town.controller.store
        for number, name in enumerate(HOSTILE):
            store.person(f"h{number}", "Old-Pass-1", mail=f"h{number}@corp.test", displayName=name)
        token = await service.token("close", "read", name="a-token-of-its-own")
        for number, name in enumerate(("bob", "h0", *HOSTILE, "nobody@corp.test")):
            await service.order(revoke(name, f"r{number}"), token)
            await service.request({"type": "look", "what": "doors", "name": name})
        await service.request({"type": "look", "what": name})
        _, text = await service.get("/metrics")
        assert 'evict_closings_total{source="token"}' in text
        words = [*HOSTILE, "bob", "h0", "corp.test", BASE_DN, "left", "a-token", "evil_metric"]
        assert [word for word in words if word.lower() in text.lower()] == []


async def test_it_is_ready_while_an_agent_acknowledges_for_every_hook(tmp_path: Path) -> None:
    apart = {"run_agent": False}
    async with served(tmp_path, "127.168.2.4", hook=True, control=apart) as service:
        missing = (503, '{"ready":false,"missing":["hooks: 0 of 1 acknowledged"]}\n')
        assert await service.get("/readyz") == missing
        manager = Manager(tmp_path / "agent.sock")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "evict", "agent", "--config", str(service.config)),
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "agent.sock")},
        )
        try:
            assert "refuse everybody until" in (await manager.hears("READY"))["STATUS"]
            await becomes(service, (200, '{"ready":true,"missing":[]}\n'))
            found = await samples(service)
            assert (found["evict_ready"], found['evict_agents{state="connected"}']) == (1, 1)
            process.send_signal(signal.SIGHUP)
            await manager.hears("RELOADING")
            assert "nothing changed" in (await manager.hears("READY", times=2))["STATUS"]
            process.send_signal(signal.SIGTERM)
            await manager.hears("STOPPING")
            assert await process.wait() == 0
            await becomes(service, missing)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            manager.close()


async def becomes(service: Service, wanted: tuple[int, str]) -> None:
    async with asyncio.timeout(20):
        while await service.get("/readyz") != wanted:
            await asyncio.sleep(0.02)


async def test_it_is_not_ready_where_the_audit_log_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "audit" / "audit.jsonl"
    file.parent.mkdir()
    async with served(tmp_path, "127.168.2.5", audit=AuditSection(file=file)) as service:
        assert (await service.get("/readyz"))[0] == 200
        file.unlink(missing_ok=True)
        file.mkdir()
        token = {"type": "token-create", "name": "t", "scopes": ["close"], "hours": 1}
        lines = await service.request({**token, "owner": "nobody"})
        assert lines[-1]["code"] == "audit-not-written"
        status, body = await service.get("/readyz")
        assert (status, "audit: its file" in body) == (503, True)
        assert (await samples(service))["evict_audit_failures_total"] >= 1
        assert (await service.get("/healthz"))[0] == 200


async def test_it_is_not_ready_while_the_directory_does_not_answer_the_watch(
    tmp_path: Path,
) -> None:
    soon = "import evict.control.health.readiness as r\nr.WATCH_SILENT_S = 0.3"
    watch = WatchSection(enabled=True)
    async with served(tmp_path, "127.168.2.6", sabotage=soon, watch=watch) as service:
        service.town.controller.fault = Fault.HANG
        service.town.controller.cut()
        async with asyncio.timeout(20):
            while (answer := await service.get("/readyz"))[0] == 200:
                await asyncio.sleep(0.05)
        assert "watch: no answer from the directory for" in answer[1]
        assert (await samples(service))["evict_watch_answer_age_seconds"] > 0.3


async def test_a_disk_that_hangs_is_said_and_a_scrape_does_not_hang_with_it(
    tmp_path: Path,
) -> None:
    hang = (
        "import evict.ledger.store as s, time\ns.LedgerStore.hash_at = lambda *_: time.sleep(1e6)"
    )
    async with served(tmp_path, "127.168.2.7", sabotage=hang) as service:
        said = '{"ready":false,"missing":["ledger: no answer from its disk within 1 s"]}\n'
        assert await service.get("/readyz") == (503, said)
        assert (await samples(service))["evict_ready"] == 0
        assert (await service.get("/healthz"))[0] == 200


async def test_what_is_held_is_counted(tmp_path: Path) -> None:
    few = GuardSection(an_hour=1, a_minute=1, all_sources_an_hour=2)
    async with served(tmp_path, "127.168.2.8", guard=few) as service:
        names = [UPN]
        for number in range(4):
            name = f"h{number}@corp.test"
            service.town.controller.store.person(f"h{number}", "Old-1", userPrincipalName=name)
            names.append(name)
        token = await service.token("close")
        order = {"type": "revoke", "names": names, "request": "r", "reason": "left"}
        status, _ = await service.order(order, token)
        assert status == 200
        found = await samples(service)
        closed = found['evict_closings_total{source="token"}']
        assert found["evict_held"] == len(names) - closed > 0
        assert sum(v for k, v in found.items() if k.startswith("evict_news_total")) >= 1
