# SPDX-License-Identifier: Apache-2.0
"""The project's own files, as the checks of this folder walk them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = {"build", "dist", "__pycache__"}


def files(root: Path, folders: Iterable[str]) -> Iterator[Path]:
    """Every file below these folders, without what a build or a tool left behind."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            hidden = any(p in BUILT or p.startswith(".") or p.endswith(".egg-info") for p in parts)
            if path.is_file() and not hidden:
                yield path


def python(root: Path, folders: Iterable[str]) -> Iterator[Path]:
    return (path for path in files(root, folders) if path.suffix == ".py")
