"""A server of S3's language on this machine, as a process of its own, and a way to it that can be cut."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import boto3.session
import httpx

KEY, SECRET = "podium-key", "a secret/that+nobody=may read"
ESCAPED = "a%20secret%2Fthat%2Bnobody%3Dmay%20read"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_PATIENCE = 60.0


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class BucketServer:
    """Moto's server of S3, which keeps everything in its memory and temporary files."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="podium-moto-")
        with (Path(self.folder.name) / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/bin:/bin", "TMPDIR": self.folder.name},
                preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
            )
        _wait_for(self.process, self.port, Path(self.folder.name) / "log")

    def new_bucket(self) -> str:
        """Make a bucket and return its name."""
        name = f"podium-{uuid.uuid4().hex[:12]}"
        client = boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET).client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1"
        )
        client.create_bucket(Bucket=name)
        client.close()
        return name

    def url(self, bucket: str, *, port: int | None = None, prefix: str = "") -> str:
        """The address of a bucket, as STORAGE_URL has it. port: of a way to it, by default its own."""
        place = f"127.0.0.1:{port or self.port}/{bucket}{f'/{prefix}' if prefix else ''}"
        return f"s3://{KEY}:{ESCAPED}@{place}?region=us-east-1&scheme=http"

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class GoogleServer:
    """A server of Google's language, which keeps everything in its memory."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="podium-gcs-")
        with (Path(self.folder.name) / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gcp_storage_emulator", "start"),
                    *("--host", "127.0.0.1", "--port", str(self.port), "--in-memory"),
                ],
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/bin:/bin", "TMPDIR": self.folder.name},
                preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
            )
        _wait_for(self.process, self.port, Path(self.folder.name) / "log")

    def new_bucket(self) -> str:
        """Make a bucket and return its name."""
        name = f"podium-{uuid.uuid4().hex[:12]}"
        made = httpx.post(f"http://127.0.0.1:{self.port}/storage/v1/b?project=none", json={"name": name}, timeout=30)
        assert made.status_code == 200, made.text
        return name

    def url(self, bucket: str, *, port: int | None = None, prefix: str = "") -> str:
        """The address of a bucket, as STORAGE_URL has it."""
        endpoint = f"http://127.0.0.1:{port or self.port}"
        return f"gs://{bucket}{f'/{prefix}' if prefix else ''}?endpoint={endpoint}"

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _answers(port):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "the server of buckets does not answer"
        threading.Event().wait(0.05)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Way:
    """A port that leads to another one, until it is cut; mended it leads there again."""

    def __init__(self, to: int) -> None:
        self._to = to
        self.port = free_port()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.left: int | None = None
        """Bytes of answers that still pass before every connection breaks; None is no such limit."""
        self.mend()

    def mend(self) -> None:
        """Lead there again."""
        self.left = None
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and take none."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._break()

    def _break(self) -> None:
        with self._lock:
            found, self._open = self._open, set()
        for one in found:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self.left is not None:
                    data = data[: self.left]
                    self.left -= len(data)
                    target.sendall(data)
                    if self.left <= 0:
                        self.left = None
                        self._break()
                        return
                else:
                    target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
