# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.unit.lab.web.owa.place import authority, place, places

__all__ = ["authority", "place", "places"]
