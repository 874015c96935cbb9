# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.unit.lab.web.loopback import fixtures
from tests.unit.lab.web.owa.place import make_place

place, places = fixtures(make_place)
