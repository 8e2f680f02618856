"""A RabbitMQ of the tests' own: own node, folder and ports, so that it can be killed and restarted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .running import free_port
from .waiting import eventually

_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's wrapper on PATH changes the user


@dataclass
class Broker:
    """One node in a folder of its own; `guest` may do everything there."""

    folder: Path
    port: int = field(default_factory=free_port)
    management_port: int = field(default_factory=free_port)
    _distribution_port: int = field(default_factory=free_port)
    _epmd_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}"

    @property
    def management_url(self) -> str:
        return f"http://guest:guest@127.0.0.1:{self.management_port}"

    @property
    def settings(self) -> dict[str, str]:
        """What a platform is told to use it."""
        return {"BROKER_URL": self.url, "PODIUM_BROKER_MANAGEMENT_URL": self.management_url}

    def start(self) -> None:
        """Start the node and wait until it takes connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.management_port}\n"
            "vm_memory_high_watermark.relative = 0.4\ndisk_free_limit.absolute = 50MB\n"
        )
        env = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"podium-test-{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        with (self.folder / "output").open("ab") as stream:
            self._process = subprocess.Popen(
                [str(_SERVER)], env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )
        eventually(self._answers, f"a RabbitMQ of the tests' own; see {self.folder}/output", within=120)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "output").read_text()[-4000:]
        try:
            # One that is asked too early knows some of its vhosts only.
            return (
                self.ask("/api/aliveness-test/%2F").is_success
                and self.ask("/api/health/checks/virtual-hosts").is_success
            )
        except httpx.TransportError:
            return False

    def ask(self, path: str) -> httpx.Response:
        """A GET at the management API."""
        return httpx.get(f"http://127.0.0.1:{self.management_port}{path}", auth=("guest", "guest"), timeout=30)

    def kill(self) -> None:
        """End the node as a crash would."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)

    def forget(self) -> None:
        """Lose everything: vhosts, users, messages; then start again."""
        self.kill()
        shutil.rmtree(self.folder / "mnesia")
        self.start()

    def stop(self) -> None:
        """End the node for good, and its port mapper, which is a daemon of its own."""
        self.kill()
        subprocess.run(["epmd", "-port", str(self._epmd_port), "-kill"], capture_output=True, check=False, timeout=30)
