"""One way to run a program in every backend, and to look at it from outside while it runs."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import os
import sys
import textwrap
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podium.sandbox import MIB, Limits, Mount, Result, Sandbox, Spec

from .ordinary import execute

ORDINARY_UID = 30001
PATIENCE_SECONDS = 20.0

LIMITS = Limits(
    wall_seconds=20,
    memory_bytes=256 * MIB,
    disk_bytes=64 * MIB,
    processes=40,
    output_bytes=MIB,
    shm_bytes=16 * MIB,
    grace_seconds=0.3,
)


@dataclass
class Outcome:
    """What a program printed and what became of it."""

    result: Result
    chunks: list[tuple[str, bytes, float]]
    seconds: float
    cancelled_after: float | None = None

    @property
    def stdout(self) -> str:
        return b"".join(data for stream, data, _ in self.chunks if stream == "stdout").decode()

    @property
    def stderr(self) -> str:
        return b"".join(data for stream, data, _ in self.chunks if stream == "stderr").decode(errors="replace")

    @property
    def raw(self) -> bytes:
        return b"".join(data for stream, data, _ in self.chunks if stream == "stdout")


@dataclass
class Bench:
    """A backend and a job folder: `program` and `data` (read-only), `output` (writable), and an unmounted `secret`."""

    name: str
    folder: Path
    sandbox: Sandbox
    image: str | None = None
    ordinary: bool = False
    isolates: bool = True
    host_uid: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    python: str = "python3"

    def __post_init__(self) -> None:
        for name in ("program", "output", "data", "secret"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "data" / "reference.txt").write_text("the truth")
        secret = self.folder / "secret" / "answers.txt"
        secret.write_text("do not read me")
        secret.chmod(0o600)

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def spec(self, source: str | tuple[str, ...], limits: Limits = LIMITS, **options: Any) -> Spec:
        """A spec for Python source (kept as main.py) or an argument vector, with the three folders mounted."""
        if isinstance(source, str):
            if not self.isolates:  # there is no /app without a mount namespace
                source = source.replace("/app/output", str(self.output))
            (self.folder / "program" / "main.py").write_text(textwrap.dedent(source))
            source = (self.python, "/app/program/main.py")
        return Spec(
            argv=source,
            name=options.pop("name", f"test-{uuid.uuid4().hex}"),
            image=self.image,
            mounts=(
                Mount(self.folder / "program", "/app/program"),
                Mount(self.output, "/app/output", writable=True),
                Mount(self.folder / "data", "/app/input/ref"),
                *options.pop("mounts", ()),
            ),
            limits=limits,
            **options,
        )

    async def run(
        self,
        source: str | tuple[str, ...],
        limits: Limits = LIMITS,
        *,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
        cancel_at_output: bool = False,
        reclaim: bool = True,
        **options: Any,
    ) -> Outcome:
        """Runs a program; `meanwhile` is awaited beside it, and must have ended well by the time it ends."""
        spec = self.spec(source, limits, **options)
        aside = asyncio.create_task(self._meanwhile(meanwhile)) if meanwhile else None
        if self.ordinary:
            answer = await self._run_as_ordinary_user(spec, cancel_at_output, reclaim)
        else:
            self.sandbox.prepare_folder(self.output, spec.slot)
            answer = await execute(self.sandbox, spec, cancel_at_output=cancel_at_output)
            if reclaim:
                self.sandbox.reclaim_folder(self.output)
        if aside is not None:
            await aside
        chunks = [(stream, base64.b64decode(data), when) for stream, data, when in answer["chunks"]]
        result = Result(**answer["result"]) if answer["result"] else Result(cause="cancelled")  # type: ignore[arg-type]
        return Outcome(result, chunks, answer["seconds"], answer["cancelled_after"])

    @staticmethod
    async def _meanwhile(work: Callable[[], Awaitable[None]]) -> None:
        await work()

    async def _run_as_ordinary_user(self, spec: Spec, cancel_at_output: bool, reclaim: bool) -> dict[str, Any]:
        package = self.folder.parent / "package"
        asked = {
            "config": self.config,
            "cancel_at_output": cancel_at_output,
            "reclaim": reclaim,
            "spec": {
                **{
                    name: getattr(spec, name)
                    for name in ("argv", "name", "image", "workdir", "network", "gpus", "slot")
                },
                "env": dict(spec.env),
                "mounts": [(str(mount.source), mount.target, mount.writable) for mount in spec.mounts],
                "limits": dataclasses.asdict(spec.limits),
            },
        }
        process = await asyncio.create_subprocess_exec(
            *("setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups", "--"),
            *(str(Path(sys.executable).resolve()), str(package / "ordinary.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(package), "HOME": str(self.folder)},
        )
        answer, _ = await process.communicate(json.dumps(asked).encode())
        assert process.returncode == 0, "the ordinary user's worker failed; its words are above"
        found: dict[str, Any] = json.loads(answer)
        return found


def host_processes(token: str) -> list[int]:
    """The host's processes whose arguments hold a token, zombies left out."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all it takes
        if name.isdigit() and int(name) != os.getpid():
            try:
                arguments = Path(f"/proc/{name}/cmdline").read_bytes()
                state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if token.encode() in arguments and state != "Z":
                found.append(int(name))
    return found


async def eventually(condition: Callable[[], Any]) -> Any:
    """Waits until a condition holds and returns what it gave."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := condition()):
            await asyncio.sleep(0.01)
    return found
