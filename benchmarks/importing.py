"""What ``import clm_ethics`` costs, against ``import attrs``; and what the first names cost."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from .measure import Row, Sample, Size, compare, folder, take_turns

CODE = (
    "import time; wall, cpu = time.perf_counter(), time.process_time()\n"
    "{}\n"
    "print(time.perf_counter() - wall, time.process_time() - cpu)"
)
IMPORTS = {
    "attrs": "import attrs",
    "package": "import clm_ethics",
    "names": "from clm_ethics import FileKeys, Offer, Policy, Steward",
    "opened": "from clm_ethics import FileKeys, Offer, Policy, Steward\n"
    "import clm_ethics.storage.sqlite, cryptography.hazmat.primitives.ciphers.aead",
}


def run(size: Size) -> list[Row]:
    """Start a process for each import, in turns; the interpreter's own start is not counted."""
    samples: dict[str, list[Sample]] = {name: [] for name in IMPORTS}
    with folder() as place:
        # Compiled once, as installed packages are: the compiler's time is nobody's import.
        quiet = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = quiet | {"PYTHONPYCACHEPREFIX": str(place)}

        def start(name: str, _: int) -> None:
            done = subprocess.run(
                [sys.executable, "-c", CODE.format(IMPORTS[name])],
                cwd=Path(__file__).parent.parent,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            samples[name].append(Sample(*map(float, done.stdout.split())))

        take_turns({name: partial(start, name) for name in IMPORTS}, size.starts)
    attrs = samples["attrs"][1:]
    note = f"{size.starts} processes each, compiled before; a bare interpreter is not counted"
    named = "from clm_ethics import FileKeys, Offer, Policy, Steward"
    return [
        compare("import clm_ethics / import attrs", samples["package"][1:], attrs, must=1.5, note=note),
        compare(f"{named} / import attrs", samples["names"][1:], attrs, note=note),
        compare("the same, SQLite and the cipher / import attrs", samples["opened"][1:], attrs, note=note),
    ]
