# SPDX-License-Identifier: Apache-2.0
"""How many sign-ins fail because the way to the directory is full: people are asked again.

A server passes at most MaxConcurrentApi sign-ins to a domain controller at a time; one that waited
45 s for its turn fails, and the client asks for the password though it is right (KB 975363, KB
2871774). KB 2688798 sizes the setting by the time a sign-in holds its slot; this does the reverse.
That a form and Basic take such a slot as NTLM does is assumed.

The queue is a fluid, minute by minute, the same at each server: an assumption of this model.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evict.simulate.population import Population

_MINUTE_S: Final = 60.0


class Queue(Struct, frozen=True, kw_only=True):
    """Attributes.

    prompts: sign-ins of the day that waited too long.
    busiest_share: how much of all slots the busiest minute takes; above 1 the queue grows.
    full_at_s: how long a sign-in may hold its slot before the busiest minute fills all of them.
    """

    prompts: float
    busiest_share: float
    full_at_s: float | None


def queue(by_minute: NDArray[np.float64], numbers: Population) -> Queue:
    """A day of sign-ins, spread evenly over the servers, that begins with nobody waiting."""
    capacity_per_s = numbers.servers * numbers.max_concurrent_api / numbers.directory_takes_s
    longest = capacity_per_s * numbers.netlogon_timeout_s
    waiting = prompts = 0.0
    for arrived in by_minute:
        waiting = max(waiting + float(arrived) - capacity_per_s * _MINUTE_S, 0.0)
        prompts += max(waiting - longest, 0.0)
        waiting = min(waiting, longest)
    busiest = float(by_minute.max(initial=0.0)) / _MINUTE_S / capacity_per_s
    full_at_s = numbers.directory_takes_s / busiest if busiest else None
    return Queue(prompts=prompts, busiest_share=busiest, full_at_s=full_at_s)
