"""`podium doctor`: whether this machine can run Podium, and what to do where it cannot."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from podium.cli import output
from podium.cli.operate import DEFAULT_DATA, DataOption
from podium.cli.places import environment_of, existing
from podium.cli.session import Exit, Globals, JsonOption

if TYPE_CHECKING:
    from urllib.parse import SplitResult

app = typer.Typer()

GIB = 2**30
LEAST_FREE = 1 * GIB
GOOD_FREE = 5 * GIB
CLOCK_SECONDS = 5.0
CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and how to mend it."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""


@app.command()
def doctor(
    ctx: typer.Context,
    *,
    data: DataOption = DEFAULT_DATA,
    engine: Annotated[str, typer.Option(help="auto, bubblewrap or docker.", envvar="PODIUM_WORKER_ENGINE")] = "auto",
    server: Annotated[
        str | None, typer.Option(help="Compare the clock with this server's.", show_default=False)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Check that this machine can run Podium.

    Exit code 1 when something has to be mended.
    """
    as_json = json_ or (ctx.find_object(Globals) or Globals()).json
    findings: list[Finding] = []
    for finding in examine(data, engine, server):
        findings.append(finding)
        if not as_json:
            _show(finding)
    failed = [finding for finding in findings if finding.state == "fail"]
    if as_json:
        output.print_json({"ok": not failed, "checks": [asdict(finding) for finding in findings]})
    elif failed:
        output.say(f"{len(failed)} to mend: {', '.join(finding.name for finding in failed)}.", style="red")
    else:
        output.say("All is well.", style="green")
    if failed:
        raise typer.Exit(Exit.FAILED)


def _show(finding: Finding) -> None:
    output.say(f"{finding.state:<5}{finding.name}: {finding.detail}", style=output.COLOURS[finding.state])
    if finding.mend and finding.state != "ok":
        output.say(f"     {finding.mend}")


def examine(data: Path, engine: str, server: str | None) -> Iterator[Finding]:
    """Look at everything in turn; what is not configured is not looked at."""
    yield check_python(sys.version_info[:3])
    yield check_write_access(data)
    yield check_disk(data)
    yield check_clock(server)
    yield check_environment(data, engine)
    yield from check_sandbox(data, engine)
    services: tuple[tuple[str, Callable[[str], Finding]], ...] = (
        ("DATABASE_URL", check_database),
        ("BROKER_URL", check_broker),
        ("REDIS_URL", check_redis),
        ("STORAGE_URL", check_storage),
    )
    for variable, look in services:
        if url := os.environ.get(variable):
            yield look(url)


def check_python(version: tuple[int, ...]) -> Finding:
    """Whether Python is recent enough."""
    text = ".".join(map(str, version))
    if version < (3, 11):
        return Finding("python", "fail", f"{text} at {sys.executable}", "Podium needs Python 3.11 or later.")
    return Finding("python", "ok", f"{text} at {sys.executable}")


def check_write_access(data: Path) -> Finding:
    """Whether the data folder can be written, by writing to it; nothing is left behind."""
    place = existing(data)
    probe = place / f".podium-doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"podium")
    except OSError as error:
        return Finding(
            "data folder", "fail", f"{place} cannot be written: {error.strerror}", "Choose another folder with --data."
        )
    probe.unlink()
    state = "exists" if data.exists() else "will be made"
    return Finding("data folder", "ok", f"{data.resolve()} ({state})")


def check_disk(data: Path) -> Finding:
    """Whether there is room for data and outputs."""
    free = shutil.disk_usage(existing(data)).free
    detail = f"{free / GIB:.1f} GiB free where the data folder is"
    mend = "Make room, or put the data folder on a larger disk with --data."
    if free < LEAST_FREE:
        return Finding("disk", "fail", detail, mend)
    return Finding("disk", "warn" if free < GOOD_FREE else "ok", detail, mend if free < GOOD_FREE else "")


def check_clock(server: str | None) -> Finding:
    """Whether the clock is right: never before the installed package was made, and like the server's."""
    mend = "Set the clock, best by NTP: phases open and close by it, and signed addresses run out by it."
    if time.time() < Path(__file__).stat().st_mtime - 86400:
        return Finding(
            "clock", "fail", f"it is {time.strftime('%Y-%m-%d')} here, before this program was installed", mend
        )
    if server is None:
        return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S %Z"))
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    from podium.client.transport import clean_server  # noqa: PLC0415

    try:
        stamp = httpx.head(clean_server(server), timeout=CONNECT_SECONDS).headers["Date"]
        apart = abs(time.time() - parsedate_to_datetime(stamp).timestamp())
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return Finding("clock", "warn", f"{server} did not tell the time: {error}", "Check the address of the server.")
    if apart > CLOCK_SECONDS:
        return Finding("clock", "warn", f"{apart:.0f} s apart from {server}", mend)
    return Finding("clock", "ok", f"like {server}'s")


def check_environment(data: Path, engine: str) -> Finding:
    """Whether programs find their packages where there is no container engine."""
    if engine == "docker":
        return Finding("environment", "ok", "not needed: programs run in container images")
    from podium.sandbox.make_environment import is_complete  # noqa: PLC0415

    folder = environment_of(data)
    if is_complete(folder):
        return Finding("environment", "ok", str(folder))
    return Finding(
        "environment",
        "warn",
        f"the scientific environment is not made yet ({folder})",
        f"`podium up` makes it at its first start; or: podium environment {folder}",
    )


def check_sandbox(data: Path, engine: str) -> Iterator[Finding]:
    """What the sandbox finds out by running a program."""
    import asyncio  # noqa: PLC0415

    from podium.sandbox import SandboxConfig, SandboxError, create  # noqa: PLC0415
    from podium.sandbox.make_environment import is_complete  # noqa: PLC0415

    folder = environment_of(data)
    socket_address = os.environ.get("PODIUM_WORKER_CONTAINER_SOCKET") or os.environ.get("CONTAINER_SOCKET")
    config = SandboxConfig(
        owner=f"doctor-{os.getpid()}",
        default_environment=folder if is_complete(folder) else None,
        container_socket=socket_address,
    )
    try:
        sandbox = create(engine, config)
    except SandboxError as error:
        yield Finding("sandbox", "fail", str(error), "A compute worker cannot run here until this is mended.")
        return

    async def ask() -> list[Finding]:
        try:
            checks = await sandbox.check()
        finally:
            await sandbox.aclose()
        return [Finding(c.name, _state(c.ok, c.mend), c.detail, c.mend) for c in checks]

    yield from asyncio.run(ask())


def _state(ok: bool, mend: str) -> Literal["ok", "warn", "fail"]:
    """A check that passes and still knows something better is a warning."""
    if not ok:
        return "fail"
    return "warn" if mend else "ok"


def check_database(url: str) -> Finding:
    """Whether PostgreSQL answers."""
    import psycopg  # noqa: PLC0415

    mend = "Check DATABASE_URL (postgresql://user:password@host/name) and that PostgreSQL runs."
    try:
        with psycopg.connect(url, connect_timeout=int(CONNECT_SECONDS)) as connection:
            version = connection.info.server_version // 10000
    except psycopg.Error as error:
        return Finding("database", "fail", f"{_without_secrets(url)}: {str(error).strip().splitlines()[0]}", mend)
    if version < 13:
        return Finding("database", "fail", f"PostgreSQL {version}", "Podium needs PostgreSQL 13 or later.")
    return Finding("database", "ok", f"PostgreSQL {version} at {_without_secrets(url)}")


def check_broker(url: str) -> Finding:
    """Whether RabbitMQ answers: it greets with its protocol when it is spoken to."""
    return _talk(
        "broker",
        url,
        5672,
        question=b"AMQP\x00\x00\x09\x01",
        answers=b"\x01",
        mend="Check BROKER_URL and that RabbitMQ runs.",
    )


def check_redis(url: str) -> Finding:
    """Whether Redis answers, with or without asking for a password."""
    return _talk(
        "redis",
        url,
        6379,
        question=b"PING\r\n",
        answers=(b"+PONG", b"-NOAUTH"),
        mend="Check REDIS_URL and that Redis runs.",
    )


def check_storage(url: str) -> Finding:
    """Whether the bucket is there and may be listed."""
    from urllib.parse import parse_qs  # noqa: PLC0415

    import boto3  # type: ignore[import-untyped] # noqa: PLC0415
    from botocore.config import Config  # type: ignore[import-untyped] # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped] # noqa: PLC0415

    parts = _split(url)
    endpoint = parse_qs(parts.query).get("endpoint_url", [None])[0]
    mend = "Check STORAGE_URL, the AWS_* credentials, and that the bucket exists."
    try:
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            config=Config(connect_timeout=CONNECT_SECONDS, read_timeout=CONNECT_SECONDS, retries={"max_attempts": 1}),
        )
        client.head_bucket(Bucket=parts.hostname or "")
    except (BotoCoreError, ClientError, ValueError) as error:
        return Finding("storage", "fail", f"bucket {parts.hostname}: {error}", mend)
    return Finding("storage", "ok", f"bucket {parts.hostname} answers")


def _talk(name: str, url: str, port: int, *, question: bytes, answers: bytes | tuple[bytes, ...], mend: str) -> Finding:
    import socket  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    parts = _split(url)
    address = (parts.hostname or "127.0.0.1", parts.port or (5671 if parts.scheme == "amqps" else port))
    shown = f"{address[0]}:{address[1]}"
    try:
        with socket.create_connection(address, timeout=CONNECT_SECONDS) as plain:
            connection = plain
            if parts.scheme in {"amqps", "rediss"}:
                connection = ssl.create_default_context().wrap_socket(plain, server_hostname=address[0])
            connection.sendall(question)
            answer = connection.recv(64)
    except OSError as error:
        return Finding(name, "fail", f"{shown} does not answer: {error}", mend)
    if not answer.startswith(answers):
        return Finding(name, "fail", f"{shown} answers, but not as it should", mend)
    return Finding(name, "ok", f"{shown} answers")


def _split(url: str) -> SplitResult:
    from urllib.parse import urlsplit  # noqa: PLC0415

    return urlsplit(url)


def _without_secrets(url: str) -> str:
    parts = _split(url)
    return f"{parts.hostname or 'localhost'}{':' + str(parts.port) if parts.port else ''}{parts.path}"
