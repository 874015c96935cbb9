# SPDX-License-Identifier: Apache-2.0
"""The import contracts hold, and each of them breaks where it should."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.arch.tree import ROOT, python

AGENT_MAY = (
    "evict.agent",
    "evict.core",
    "evict.wire",
    "evict.config",
    "evict.obs",
    "evict.ledger",
    "evict.ledger.chain",
    "evict.ledger.feed",
    "evict.systems",
)
PACKAGES_WITH_EVERYTHING = (
    "evict.agent",
    "evict.core",
    "evict.wire",
    "evict.config",
    "evict.obs",
    "evict.systems.forward_auth",  # has no control side
    "evict.systems.haproxy",  # same, but for what the doctor asks
)
PRODUCT_MODULES = ("hook", "policy", "cutter", "doveadm")
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input", "read_text", "write_text"}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the sources below `root`, by the project's own contracts."""
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    environ = {**os.environ, "PYTHONPATH": str(root / "src")}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=root, env=environ, check=False, timeout=100
    )


def test_the_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


OFFENDERS = {
    "core/door.py": ("import socket", "Core and wire do no I/O"),
    "wire/__init__.py": ("import time", "Core and wire do no I/O"),
    "core/account.py": ("from evict.wire import sasl", "Imports point one way"),
    "evidence/dsse.py": ("from evict.ledger import feed", "Imports point one way"),
    "control/cases/case.py": ("from evict.cli import options", "Imports point one way"),
    "wire/sasl.py": ("from evict.config import model", "Wire knows no settings"),
    "systems/postfix/policy.py": (
        "from evict.systems.dovecot import policy",
        "Products do not see each other",
    ),
    "agent/replica.py": ("from evict.ledger import store", "The agent holds no directory"),
    "agent/service.py": ("from evict.control import api", "Imports point one way"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy with every offending line in it at once."""
    root = tmp_path_factory.mktemp("offender")
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "evict", root / "src" / "evict", ignore=skipped)
    for name, (line, _) in OFFENDERS.items():
        with (root / "src" / "evict" / name).open("a") as file:
            file.write(f"\n{line}\n")
    done = lint(root)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", OFFENDERS)
def test_each_contract_sees_its_offender(broken: str, name: str) -> None:
    line, contract = OFFENDERS[name]
    module = "evict." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    imported = line.removeprefix("from ").removeprefix("import ").replace(" import ", ".")
    assert any(f"{contract}" in said and "BROKEN" in said for said in broken.splitlines())
    assert f"{module} -> {imported}" in broken


def strangers(modules: set[str]) -> list[str]:
    """What the agent reaches, through whatever it imports, and must not."""
    return sorted(module for module in modules if not _agent_may(module))


def _agent_may(module: str) -> bool:
    if module in AGENT_MAY or module.startswith(tuple(f"{p}." for p in PACKAGES_WITH_EVERYTHING)):
        return True
    rest = module.removeprefix("evict.systems.").split(".")
    return module.startswith("evict.systems.") and (len(rest) == 1 or rest[1] in PRODUCT_MODULES)


def test_the_agent_reaches_only_what_a_mail_servers_host_should_hold() -> None:
    graph = grimp.build_graph("evict", cache_dir=None)
    reached = set().union(
        *(graph.find_upstream_modules(m) for m in graph.modules if m.startswith("evict.agent"))
    )
    assert len(reached) > 10
    assert strangers(reached - {"evict"}) == []


def test_the_check_sees_what_an_agent_must_not_reach() -> None:
    reached = {"evict.ledger.store", "evict.systems.dovecot.connector", "evict.core.door"}
    assert strangers(reached) == ["evict.ledger.store", "evict.systems.dovecot.connector"]


def impure_calls(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in IMPURE_CALLS:
                yield f"{node.lineno}: {name}()"


def test_core_and_wire_ask_no_clock_and_open_nothing() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{said}"
        for path in python(ROOT, ("src/evict/core", "src/evict/wire"))
        for said in impure_calls(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize("source", ["datetime.now(UTC)", "open('x')", "Path('x').read_text()"])
def test_the_check_sees_a_clock_or_a_file(source: str) -> None:
    assert list(impure_calls(source))
