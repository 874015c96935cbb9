# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from evict.obs.metrics import Metrics, source_kind
from evict.obs.snapshot import Snapshot
from tests.arch.tree import ROOT

NOW = Snapshot(
    ready=True,
    revoked=3,
    entries=5,
    cases={"running": 1, "waiting": 0, "open": 2},
    agents_connected=1,
    agents_lost=0,
    behind=0,
)


def read(text: bytes) -> dict[str, float]:
    """By name and labels; raises where it is not OpenMetrics."""
    families = text_string_to_metric_families(text.decode())  # type: ignore[no-untyped-call]
    return {
        f"{s.name}{sorted(s.labels.items())}": s.value
        for family in families
        for s in family.samples
        if s.name.startswith("evict_") and not s.name.endswith(("_created", "_bucket"))
    }


def test_what_was_told_is_counted_and_what_is_so_is_shown() -> None:
    metrics = Metrics("1.2.3")
    metrics.entry("revocation", "uid:1000(alice)")
    metrics.entry("revocation", "directory:corp")
    metrics.entry("reinstatement", "schedule")
    metrics.entry("adoption", "")
    metrics.appended(0.002)
    metrics.case_ended(0.3, "shut")
    metrics.noted(written=True)
    metrics.noted(written=False)
    metrics.told("held")
    metrics.answered("http", "not-allowed")
    found = read(metrics.render(NOW))
    assert found["evict_info[('version', '1.2.3')]"] == 1
    assert found["evict_closings_total[('source', 'uid')]"] == 1
    assert found["evict_closings_total[('source', 'directory')]"] == 1
    assert found["evict_reinstatements_total[('source', 'schedule')]"] == 1
    assert found["evict_append_seconds_count[]"] == 1
    assert found["evict_case_seconds_sum[('verdict', 'shut')]"] == 0.3
    assert found["evict_audit_failures_total[]"] == 1
    assert found["evict_news_total[('kind', 'held')]"] == 1
    assert found["evict_requests_total[('outcome', 'not-allowed'), ('way', 'http')]"] == 1
    assert found["evict_ready[]"] == 1
    assert found["evict_cases[('state', 'open')]"] == 2
    assert found["evict_revoked_accounts[]"] == 3


def test_a_directory_that_nobody_watches_has_no_age() -> None:
    metrics = Metrics("1")
    assert "evict_watch_answer_age_seconds[]" not in read(metrics.render(NOW))
    watched = metrics.render(structs.replace(NOW, watch_age_s=0.25))
    assert read(watched)["evict_watch_answer_age_seconds[]"] == 0.25


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8))
def test_no_text_from_outside_becomes_a_label(texts: list[str]) -> None:
    metrics = Metrics("1")
    for text in texts:
        metrics.entry("revocation", text)
        metrics.entry("revocation", f"token:{text}")
    labels = {
        sample.labels["source"]
        for family in text_string_to_metric_families(  # type: ignore[no-untyped-call]
            metrics.render(NOW).decode()
        )
        for sample in family.samples
        if "source" in sample.labels
    }
    assert labels <= {"uid", "token", "directory", "schedule", "staying", "other"}


def test_words_of_the_program_are_few_and_anything_else_is_other() -> None:
    metrics = Metrics("1")
    for word in ("ok", "Ev il", 'x"} 1', "a\nb", "ok", "z" * 200):
        metrics.answered("http", word)
    for number in range(1000):
        letters = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        metrics.case_ended(1, f"verdict-{letters}")
    text = metrics.render(NOW).decode()
    found = read(text.encode())
    assert found["evict_requests_total[('outcome', 'ok'), ('way', 'http')]"] == 2
    assert found["evict_requests_total[('outcome', 'other'), ('way', 'http')]"] == 4
    assert text.count("evict_case_seconds_count{") <= 65


@pytest.mark.parametrize(
    ("asker", "kind"),
    [
        ("uid:1000(alice)", "uid"),
        ("token:personnel", "token"),
        ("directory:corp", "directory"),
        ("schedule", "schedule"),
        ("command line", "other"),
        ("", "other"),
        ("Token:x", "other"),
        ("uid", "uid"),
    ],
)
def test_of_an_asker_only_the_kind_is_kept(asker: str, kind: str) -> None:
    assert source_kind(asker) == kind


def test_each_is_in_the_docs_and_each_in_the_docs_is_there() -> None:
    metrics = Metrics("1")
    text = metrics.render(structs.replace(NOW, watch_age_s=1.0)).decode()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    shown = {f.name for f in families if f.name.startswith("evict")}
    page = (ROOT / "docs/operate/metrics.md").read_text()
    table = page.partition("## Alarms")[0]
    named = {name.removesuffix("_total") for name in re.findall(r"`(evict_\w+)`", table)}
    assert named == {"evict_info" if name == "evict" else name for name in shown}
    alarms = re.findall(r"expr: (?:increase\()?(evict_\w+)", page)
    assert {name.removesuffix("_total").removesuffix("_count") for name in alarms} <= named
