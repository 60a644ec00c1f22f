"""The command line: ``python -m clm_ethics COMMAND``. ``--help`` lists the commands."""

from __future__ import annotations

import sys

from clm_ethics.commands import main

if __name__ == "__main__":
    sys.exit(main())
