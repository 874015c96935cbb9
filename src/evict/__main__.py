# SPDX-License-Identifier: Apache-2.0
from evict.cli.app import main

main()
