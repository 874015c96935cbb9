# SPDX-License-Identifier: Apache-2.0
"""Evict ends every way into a mailbox the moment somebody leaves, and proves it."""

__version__ = "0.1.0"
