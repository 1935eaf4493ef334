"""A PostgreSQL server of our own, on loopback, as long as a test wants it."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PASSWORD = "p@ss:w/rd-4711"
"""With characters that must be written otherwise in a URL."""

ENCODED = "p%40ss%3Aw%2Frd-4711"


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, or None where they are not installed."""
    folders = [Path(path).parent for path in [shutil.which("initdb")] if path]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


class Server:
    """A running server.

    Attributes:
        url: of its database, with the password.
    """

    def __init__(self, programs: Path, folder: Path, user: str | None, durable: bool) -> None:
        self.durable = durable
        self.programs = programs
        self.folder = folder
        self.user = user
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql+psycopg://rnnzoo:{ENCODED}@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make the cluster's files."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self.user is not None:
            for path in (self.folder, password):
                shutil.chown(path, self.user)
        options = ["-U", "rnnzoo", "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--locale=C"]
        self.command("initdb", "-D", self.data, "--no-sync", *options)

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Start the server; only one that is to be timed waits for its disk."""
        fast = "" if self.durable else " -F"
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}{fast}"
        self.command("pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", settings, "start")

    def stop(self, mode: str = "immediate") -> None:
        self.command("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def command(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command,
            user=self.user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running_server(durable: bool = False) -> Iterator[Server]:
    """Start a server and stop it at the end; as another user where we are root, whom PostgreSQL refuses."""
    programs = binaries()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="rnnzoo-postgres-"))
    server = Server(programs, folder, unprivileged() if os.geteuid() == 0 else None, durable)
    try:
        server.make()
        server.start()
        yield server
    finally:
        with suppress(AssertionError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def unprivileged() -> str:
    """Return a user who is not root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
