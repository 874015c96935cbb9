# SPDX-License-Identifier: Apache-2.0
"""One operation of somebody who was let in."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from evict.lab.model.mailbox import Mailbox
from evict.lab.model.organisation import Organisation
from evict.lab.model.store import Access


@dataclass(slots=True)
class Call:
    organisation: Organisation
    access: Access
    operation: ET.Element

    @property
    def box(self) -> Mailbox:
        return self.access.mailbox

    def sees(self, folder: str) -> bool:
        """A delegate may have been given some folders only; the root is always seen."""
        return not folder or self.access.folders is None or folder in self.access.folders
