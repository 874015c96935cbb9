# SPDX-License-Identifier: Apache-2.0
"""How long each door of the directory stays open after a plain disable."""

from __future__ import annotations

from evict.core.door import Credential, Door
from evict.core.exposure import Exposure, Source
from evict.systems.ldap.filters import all_of, equals
from evict.systems.ldap.messages import SUBTREE
from evict.systems.ldap.servers import Servers
from evict.systems.openldap.measures import lock_attribute, lock_value
from evict.systems.openldap.observing import password_door
from evict.systems.openldap.port import Port
from evict.systems.openldap.reading import LOCK, PASSWORD, Shape


async def lock_counts(servers: Servers[Port], shape: Shape) -> bool:
    """Whether the overlay ppolicy is at work and a policy with pwdLockout TRUE is to be seen."""
    policy = all_of(equals("objectClass", "pwdPolicy"), equals("pwdLockout", "TRUE"))
    found = await servers.on_first(
        lambda port: port.search(shape.base, SUBTREE, policy, ["1.1"], limit=1)
    )
    return bool(found) and await servers.on_first(Port.has_policy_overlay)


async def exposure(servers: Servers[Port], shape: Shape) -> tuple[Exposure, ...]:
    attribute = lock_attribute(shape)
    counts = attribute == LOCK and await lock_counts(servers, shape)
    if not attribute:
        value, reason = "a value that nothing matches", "the next bind is refused"
    elif counts:
        value = lock_value(shape)
        reason = "a bind under a policy with pwdLockout TRUE is refused from then on"
    elif attribute == LOCK:
        value = lock_value(shape)
        reason = "no overlay ppolicy with pwdLockout TRUE is to be seen: without it no lock counts"
    else:
        value = lock_value(shape)
        reason = "slapd minds no such attribute: only servers whose filter looks at it do"
    shut = counts or not attribute
    disabled = Exposure(
        door=password_door(shape),
        closes_after_s=0 if shut else None,
        source=Source.READ if counts else Source.DECLARED,
        setting=attribute or PASSWORD,
        value=value,
        reason=reason + ("; replicas follow" if shut and len(servers.ports) > 1 else ""),
        remedy="" if shut else "Evict sets a password that nothing matches as well",
    )
    bound = Exposure(
        door=Door(system=shape.name, protocol="ldap", credential=Credential.SESSION),
        closes_after_s=None,
        source=Source.ASSUMED,
        setting="olcIdleTimeout",
        value="counts only while idle",
        reason="a connection bound before goes on reading; it is no way into a mailbox",
        remedy="none needed for mail; restart slapd to end it",
    )
    return (disabled, bound)
