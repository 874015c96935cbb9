# SPDX-License-Identifier: Apache-2.0
"""Recipes side by side, on the same organisation, with the same people, clock and dice."""
