# SPDX-License-Identifier: Apache-2.0
"""Web doors of an estate: SOGo, Roundcube, what they need, and two fronts before them."""
