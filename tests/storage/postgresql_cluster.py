"""Three PostgreSQL servers under Patroni, with three members of etcd: real programs, on loopback.

What goes between the nodes (replication, Patroni's questions, etcd) goes over lines that can be
cut. Clients reach each server directly: they may be on the side of the one that is cut off.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.storage.postgresql_network import LOOPBACK, Line, Network, free_ports
from tests.storage.postgresql_server import reachable_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USER = "nobody"
EVERYTHING = ("all", "replication")
PATIENCE = 120
"""How long anything may take before the test gives up, in seconds."""

DYNAMIC = {
    "ttl": 20,  # the least that Patroni accepts: so long is a leader believed that says nothing
    "loop_wait": 1,
    "retry_timeout": 3,
    "synchronous_mode": True,
    "synchronous_mode_strict": True,  # no replica: no commit
    "primary_start_timeout": 0,  # a crashed primary is replaced, not awaited
    "postgresql": {
        "use_pg_rewind": True,
        "use_slots": True,
        "parameters": {
            "wal_level": "replica",
            "wal_log_hints": "on",
            "max_wal_senders": 8,
            "max_replication_slots": 8,
            "max_connections": 60,
            "shared_buffers": "16MB",
        },
    },
}


class Node:
    """One server with its Patroni, and the lines that lead to and from it."""

    def __init__(self, folder: Path, number: int, network: Network, etcd: list[int], binaries: Path) -> None:
        self._binaries = binaries
        self.name = f"n{number}"
        self.folder = folder / self.name
        self.port, self._rest = free_ports(2)
        self._toward = network.line(self.port), network.line(self._rest)
        self._outward = [network.line(port) for port in etcd]
        self._network = network
        self._patroni: subprocess.Popen[bytes] | None = None

    @property
    def lines(self) -> list[Line]:
        """All that connects the node with the others."""
        return [*self._toward, *self._outward]

    def configure(self) -> None:
        """Write the file that Patroni reads; JSON is YAML."""
        self.folder.mkdir(mode=0o700)
        toward, rest = (f"{LOOPBACK}:{line.port}" for line in self._toward)
        file: dict[str, Any] = {
            "scope": "clm",
            "name": self.name,
            "restapi": {"listen": f"{LOOPBACK}:{self._rest}", "connect_address": rest},
            # `use_proxies`: only these addresses, which can be cut, and none that etcd tells of
            "etcd3": {"hosts": [f"{LOOPBACK}:{line.port}" for line in self._outward], "use_proxies": True},
            "bootstrap": {
                "dcs": DYNAMIC,
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"{LOOPBACK}:{self.port}",
                "connect_address": toward,
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(self._binaries),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {
                    "replication": {"username": "repl", "password": "x"},
                    "superuser": {"username": "postgres", "password": "x"},
                    "rewind": {"username": "rewind", "password": "x"},
                },
                "parameters": {"unix_socket_directories": str(self.folder)},
                "pg_hba": [
                    "local all all trust",
                    *(f"host {what} all 127.0.0.1/32 trust" for what in EVERYTHING),
                ],
            },
        }
        self.file.write_text(json.dumps(file))

    @property
    def file(self) -> Path:
        """Where the configuration stands."""
        return self.folder / "patroni.yml"

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        self._patroni = _start(self.folder, "patroni.log", sys.executable, "-m", "patroni", self.file)

    def address(self) -> str:
        """Return the URL of this server alone."""
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/postgres?connect_timeout=2"

    def cut(self, *, cut: bool = True) -> None:
        """Cut the node off from the others, or mend that."""
        self._network.cut(self.lines, cut=cut)

    def freeze(self, *, frozen: bool = True) -> None:
        """Stop Patroni where it stands, as a machine that is out of memory does, or let it go on."""
        assert self._patroni is not None
        self._patroni.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def kill(self) -> None:
        """Kill PostgreSQL, all of its processes, without warning."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        for process in (first, *_children(first)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """End Patroni, and leave PostgreSQL to whoever clears up."""
        if self._patroni is not None:
            self._patroni.kill()
            self._patroni.wait(60)

    def asks(self) -> dict[str, Any]:
        """Return what Patroni says of the cluster; empty if it does not answer."""
        assert self._patroni is not None
        assert self._patroni.poll() is None, f"the Patroni of {self.name} has ended"
        return _get(f"http://{LOOPBACK}:{self._rest}/cluster")


class Cluster:
    """The three nodes."""

    def __init__(self, folder: Path, network: Network) -> None:
        self._folder = folder
        self._etcd: list[subprocess.Popen[bytes]] = []
        self._clients, self._peers = free_ports(3), free_ports(3)
        binaries = reachable_binaries(folder)
        self.nodes = [Node(folder, number, network, self._clients, binaries) for number in (1, 2, 3)]

    def start(self) -> None:
        """Start everything, and wait until it is whole."""
        together = ",".join(f"e{n}=http://{LOOPBACK}:{port}" for n, port in enumerate(self._peers))
        for n, (client, peer) in enumerate(zip(self._clients, self._peers, strict=True)):
            words = ("--name", f"e{n}", "--data-dir", self._folder / f"e{n}", "--initial-cluster", together)
            words += ("--initial-cluster-state", "new", "--heartbeat-interval", "300")
            words += ("--election-timeout", "3000")
            for option, port in (("listen", peer), ("initial-advertise", peer)):
                words += (f"--{option}-peer-urls", f"http://{LOOPBACK}:{port}")
            for option in ("listen", "advertise"):
                words += (f"--{option}-client-urls", f"http://{LOOPBACK}:{client}")
            self._etcd.append(_start(self._folder, f"e{n}.log", "etcd", *words))
        until(self._decided, "etcd knows its version: Patroni does not wait for that")
        for node in self.nodes:
            node.configure()
            _give(node.folder)
            _give(node.file)
            node.start()
        self.whole()

    def _decided(self) -> bool:
        """Tell whether every member of etcd has found the others."""
        answers = [_get(f"http://{LOOPBACK}:{port}/version") for port in self._clients]
        return all(each.get("etcdcluster", "not_decided") != "not_decided" for each in answers)

    def stop(self) -> None:
        """End every process that has anything to do with the folder."""
        for node in self.nodes:
            node.stop()
        for member in self._etcd:
            member.kill()
            member.wait(60)
        until(lambda: not _kill_all(str(self._folder)), "processes end")

    def address(self, user: str = "postgres") -> str:
        """Return the URL that finds the leader, whichever it is."""
        hosts = ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)
        options = "target_session_attrs=read-write&connect_timeout=2&tcp_user_timeout=2000"
        return f"postgresql://{user}@{hosts}/postgres?{options}"

    def whole(self) -> Node:
        """Wait until one leads and both others follow, one of them synchronously; return the leader."""

        def settled() -> Node | None:
            assert [None] * 3 == [member.poll() for member in self._etcd], "a member of etcd has ended"
            views = [node.asks().get("members", []) for node in self.nodes]
            for view in views:
                states = sorted((each["role"], each["state"]) for each in view)
                roles = [("leader", "running"), ("replica", "streaming"), ("sync_standby", "streaming")]
                if states != roles or len({each["timeline"] for each in view}) != 1:
                    return None
            [leader] = {each["name"] for view in views for each in view if each["role"] == "leader"}
            return next(node for node in self.nodes if node.name == leader)

        return self._until(settled, "the cluster is whole")

    def other_leader(self, than: Node) -> Node:
        """Wait until another node leads than *than*."""

        def found() -> Node | None:
            for node in self.nodes:
                if node is not than:
                    for each in node.asks().get("members", []):
                        if (each["name"], each["role"]) == (node.name, "leader"):
                            return node
            return None

        return self._until(found, "another node leads")

    def _until(self, condition: Callable[[], Any], what: str) -> Any:
        try:
            return until(condition, what)
        except AssertionError:
            for log in sorted(self._folder.glob("**/*.log")):
                sys.stderr.write("\n".join([f"{log}:", *log.read_text().splitlines()[-30:], ""]))
            raise


def _get(address: str) -> dict[str, Any]:
    """Return the document at *address*; empty if there is no answer."""
    with suppress(OSError, ValueError), urllib.request.urlopen(address, timeout=2) as answer:
        return dict(json.load(answer))
    return {}


def until(condition: Callable[[], Any], what: str) -> Any:
    """Ask *condition* until it holds, and return what it says."""
    last = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < last, f"waited in vain until {what}"
        time.sleep(0.1)  # between two questions


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a cluster, and remove it in the end with all its processes."""
    folder = Path(tempfile.mkdtemp(prefix="clm-ha-", dir="/tmp"))
    _give(folder)
    try:
        with Network() as network:
            cluster = Cluster(folder, network)
            try:
                cluster.start()
                yield cluster
            finally:
                cluster.stop()
    finally:
        shutil.rmtree(folder)


def _start(folder: Path, log: str, *words: object) -> subprocess.Popen[bytes]:
    """Start a program as the unprivileged user: PostgreSQL refuses root."""
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        # It may read what only root may: interpreter and packages can stand in root's own folder.
        may_read = ("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")
        user = pwd.getpwnam(USER)
        prefix = ("setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups")
        prefix += may_read
    with (folder / log).open("ab") as output:
        return subprocess.Popen(
            [*prefix, *map(str, words)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "HOME": str(folder), "PATH": os.defpath},
            start_new_session=True,
        )


def _give(path: Path) -> None:
    """Give *path* to whom the programs run as."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _children(process: int) -> list[int]:
    """Return the processes that *process* has started."""
    children = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == process:
                children.append(int(status.parent.name))
    return children


def _kill_all(folder: str) -> bool:
    """Kill what was started from *folder*; tell whether there was anything."""
    there = False
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((process / "cwd").readlink()).startswith(folder):
                os.kill(int(process.name), signal.SIGKILL)
                there = True
    return there
