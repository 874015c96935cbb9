# SPDX-License-Identifier: Apache-2.0
"""Mail clients of people. Nothing here comes from Evict, so that its word is never taken for it."""
