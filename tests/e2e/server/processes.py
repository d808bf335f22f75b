"""Real processes that a test starts, and waiting for what they do."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from e2e.waiting import wait_until

_STOP_PATIENCE = 30.0


def script(name: str) -> str:
    """Return the path of a console script of this environment."""
    return str(Path(sys.executable).parent / name)


def free_port() -> int:
    """Return a TCP port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether a process listens on a port of this host."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class WebServer:
    """Dagster's web server, which is asked as the UI asks it."""

    url: str

    def ask(self, query: str, **variables: object) -> Any:  # noqa: ANN401  # JSON
        """Send GraphQL, and return the value of its one field."""
        body: Any = {"query": query, "variables": variables}
        answer = requests.post(f"{self.url}/graphql", json=body, timeout=120).json()
        assert not answer.get("errors"), answer["errors"]
        (value,) = answer["data"].values()
        return value


@dataclass
class Processes:
    """Long-running programs in process groups of their own; each writes a log file."""

    folder: Path
    environment: Mapping[str, str]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a program under a name."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def start_listening(self, name: str, command: list[str], port: int) -> None:
        """Start a program, and wait until it listens on a port of this host."""

        def listens() -> bool:
            self.require(name)
            return answers(port)

        self.start(name, command)
        wait_until(listens, f"{name} listens")

    def start_web_server(self, *definitions: str) -> WebServer:
        """Start Dagster's web server, on definitions such as `-m module`."""
        port = free_port()
        command = [script("dagster-webserver"), "-h", "127.0.0.1", "-p", str(port), *definitions]
        self.start_listening("webserver", command, port)
        return WebServer(f"http://127.0.0.1:{port}")

    def start_daemon(self, *definitions: str) -> None:
        """Start Dagster's daemon, under the name `daemon`, on definitions such as `-m module`."""
        self.start("daemon", [script("dagster-daemon"), "run", *definitions])

    def log(self, name: str) -> Path:
        """Return the file that a program writes to."""
        return self.folder / f"{name}.log"

    def require(self, name: str) -> None:
        """Fail with the end of its log if a program has ended."""
        code = self._running[name].poll()
        assert code is None, f"{name} ended with {code}: {self.log(name).read_text()[-3000:]}"

    def stop(self, name: str) -> None:
        """Stop a program and all it has started."""
        process = self._running.pop(name)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):  # then it is killed
            process.wait(_STOP_PATIENCE)
        kill_group(process.pid)
        process.wait()

    def stop_all(self) -> None:
        """Kill every program: the test is over, nothing has to be put in order."""
        for process in self._running.values():
            kill_group(process.pid)
            process.wait()
        self._running.clear()


def kill_group(leader: int) -> None:
    """Kill what is left of a process group."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
