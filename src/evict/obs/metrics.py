# SPDX-License-Identifier: Apache-2.0
"""What a monitoring system reads of `evict serve`: OpenMetrics 1.0 text.

Spec: OpenMetrics 1.0. A label's value is one of a few words that are written down here: never an
account, a reason, a host or anything else that came from outside.
"""

from __future__ import annotations

import re
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from evict.obs.observer import Observer
from evict.obs.snapshot import Snapshot

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
SOURCES: Final = ("uid", "token", "directory", "schedule", "staying")
"""Kinds of askers by the beginning of their names; everything else is `other`."""
_OTHER: Final = "other"
_WORD: Final = re.compile(r"[a-z][a-z -]{0,39}")
_APPEND_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
_CASE_S: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_MOST_WORDS: Final = 64
_COUNTED: Final = (
    ("revocation", "closings", "Accounts closed,"),
    ("widening", "widenings", "Names added to a revocation in force,"),
    ("reinstatement", "reinstatements", "Accounts let in again,"),
)


class Metrics(Observer):
    """A registry of its own: nothing of another library gets in."""

    def __init__(self, version: str) -> None:
        self._registry = registry = CollectorRegistry()
        self._words: dict[str, set[str]] = {}
        ProcessCollector(registry=registry)
        Info("evict", "The program.", registry=registry).info({"version": version})
        kinds = ", ".join((*SOURCES, _OTHER))
        self._entries = {
            kind: Counter(
                f"evict_{name}",
                f"{text} by who ordered it: {kinds}.",
                ["source"],
                registry=registry,
            )
            for kind, name, text in _COUNTED
        }
        self._append = Histogram(
            "evict_append_seconds",
            "From the order to append until it is durable.",
            buckets=_APPEND_S,
            registry=registry,
        )
        self._case = Histogram(
            "evict_case_seconds",
            "One look at all doors of one account, by what it came to.",
            ["verdict"],
            buckets=_CASE_S,
            registry=registry,
        )
        self._audit = Counter(
            "evict_audit_failures", "Records that could not be written.", registry=registry
        )
        self._news = Counter(
            "evict_news", "Things given out to be told, by kind.", ["kind"], registry=registry
        )
        self._requests = Counter(
            "evict_requests",
            "Requests by the way they came and how they ended (ok, or an error's code).",
            ["way", "outcome"],
            registry=registry,
        )
        self._gauges = _Gauges(registry)

    def render(self, now: Snapshot) -> bytes:
        self._gauges.show(now)
        text: bytes = generate_latest(self._registry)  # type: ignore[no-untyped-call]
        return text

    def entry(self, kind: str, source: str) -> None:
        if kind in self._entries:
            self._entries[kind].labels(source_kind(source)).inc()

    def appended(self, seconds: float) -> None:
        self._append.observe(seconds)

    def case_ended(self, seconds: float, verdict: str) -> None:
        self._case.labels(self._word("verdict", verdict)).observe(seconds)

    def noted(self, *, written: bool) -> None:
        if not written:
            self._audit.inc()

    def told(self, kind: str) -> None:
        self._news.labels(self._word("news", kind)).inc()

    def answered(self, way: str, outcome: str) -> None:
        self._requests.labels(way, self._word("outcome", outcome)).inc()

    def _word(self, label: str, text: str) -> str:
        """The program's own word; should it ever be something else, `other`, and never many."""
        known = self._words.setdefault(label, set())
        if text in known:
            return text
        if len(known) >= _MOST_WORDS or not _WORD.fullmatch(text):
            return _OTHER
        known.add(text)
        return text


class _Gauges:
    """Set at each question."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"evict_{name}", text, labels, registry=registry)

        self.ready = gauge("ready", "1 where /readyz says so.")
        self.revoked = gauge("revoked_accounts", "Accounts that stand revoked.")
        self.entries = gauge("ledger_entries", "Entries of the ledger.")
        self.cases = gauge("cases", "Cases by state: running, waiting, open.", "state")
        self.agents = gauge("agents", "Agents by state: connected, lost.", "state")
        self.behind = gauge("agent_behind_entries", "Entries the slowest agent lacks.")
        self.held = gauge("held", "Closures and reinstatements that wait for approval.")
        self.scheduled = gauge("scheduled", "Closures that wait for their instant.")
        self.notices = gauge("notices_waiting", "Notices that are not delivered yet.")
        self.lost = gauge("notice_ways_lost", "Ways over which a notice could not be delivered.")
        self.refused = gauge("config_refused", "1: the file as last read is not in force.")
        self.restart = gauge("config_restart_needed", "1: some settings wait for a restart.")
        self._registry = registry
        self._watch: Gauge | None = None

    def show(self, now: Snapshot) -> None:
        self.ready.set(now.ready)
        self.revoked.set(now.revoked)
        self.entries.set(now.entries)
        for state, count in now.cases.items():
            self.cases.labels(state).set(count)
        self.agents.labels("connected").set(now.agents_connected)
        self.agents.labels("lost").set(now.agents_lost)
        self.behind.set(now.behind)
        self.held.set(now.held)
        self.scheduled.set(now.scheduled)
        self.notices.set(now.notices_waiting)
        self.lost.set(now.notice_ways_lost)
        self.refused.set(now.config_refused)
        self.restart.set(now.restart_needed)
        if now.watch_age_s is not None:
            self._watch_gauge().set(now.watch_age_s)

    def _watch_gauge(self) -> Gauge:
        """Made when there is a watch: a directory that nobody watches has no age."""
        if self._watch is None:
            self._watch = Gauge(
                "evict_watch_answer_age_seconds",
                "Since the directory watch last got an answer.",
                registry=self._registry,
            )
        return self._watch


def source_kind(asker: str) -> str:
    """`uid` of `uid:1000(alice)`; the name itself is not kept."""
    kind = asker.partition(":")[0].partition(" ")[0]
    return kind if kind in SOURCES else _OTHER
