"""The operator's commands: `podium up`, each role by itself, and Django's management commands."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from podium.cli import output
from podium.cli.session import Exit

app = typer.Typer()

_MAKES_DATA = frozenset({"setup_instance", "migrate"})
_NEEDS_NO_DATA = frozenset(
    {"help", "--help", "-h", "version", "--version", "check", "makemigrations", "spectacular", "collectstatic"}
)
DEFAULT_DATA = Path("podium-data")
HostOption = Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for every network.")]
PortOption = Annotated[int, typer.Option("--port", help="Port to listen on; 0 for any free one.", min=0, max=65535)]
DataOption = Annotated[
    Path, typer.Option("--data", envvar="PODIUM_DATA", help="Folder for database, files, secrets and logs.")
]


@app.command()
def up(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    data: DataOption = DEFAULT_DATA,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start no compute worker here.")] = False,
) -> None:
    """Start everything on this machine.

    The web server, the background work and one compute worker, under one supervisor that restarts what dies.
    """
    words = [host, str(port), str(data), "no-worker" if no_worker else "worker"]
    sys.stdout.flush()
    # The supervisor takes this process's place: what parsed the command line would stay in memory for nothing.
    os.execv(sys.executable, [sys.executable, "-m", "podium.cli.up", *words])  # noqa: S606 - no shell is wanted


@app.command()
def web(host: HostOption = "127.0.0.1", port: PortOption = 8000, data: DataOption = DEFAULT_DATA) -> None:
    """Run the web server alone."""
    _use_data(data)
    import podium.site.start as start  # noqa: PLC0415, PLR0402 - Django is brought only here

    start.web(host, port, data)


@app.command("site-worker")
def site_worker(data: DataOption = DEFAULT_DATA) -> None:
    """Run the site's background work alone."""
    _use_data(data)
    import podium.site.start as start  # noqa: PLC0415, PLR0402 - Django is brought only here

    start.site_worker(data)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def manage(ctx: typer.Context) -> None:
    """Run a management command of Django's.

    The data folder is PODIUM_DATA, or given before the command: podium manage --data FOLDER COMMAND.
    """
    words = list(ctx.args)
    if words[:1] == ["--data"]:
        if len(words) < 2:
            raise typer.BadParameter("Name the folder: podium manage --data FOLDER COMMAND.")
        os.environ["PODIUM_DATA"] = words[1]
        words = words[2:]
    _spare_the_current_folder(words[0] if words else "help")
    import podium.site.start as start  # noqa: PLC0415, PLR0402 - Django is brought only here

    start.manage(words)


@app.command()
def worker(
    *,
    server: Annotated[str | None, typer.Option(help="The platform's address (or PODIUM_WORKER_SERVER).")] = None,
    token: Annotated[str | None, typer.Option(help="The queue's token (better: --token-file).")] = None,
    broker: Annotated[
        str | None, typer.Option(help="The queue's address on RabbitMQ (better: BROKER_URL); no server, no token.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file that holds the queue's token.")] = None,
    slots: Annotated[int | None, typer.Option(help="How many jobs at once; default: one per processor.", min=1)] = None,
    engine: Annotated[str | None, typer.Option(help="auto, bubblewrap, docker or process.")] = None,
    gpus: Annotated[
        str | None, typer.Option(help="GPUs for programs: all, a number, or names such as nvidia.com/gpu=0.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Allow the engine `process`, which isolates nothing.")
    ] = False,
) -> None:
    """Run a compute worker for one queue.

    It needs no connection but an outgoing one to the platform; with --broker also one to its RabbitMQ.
    """
    from podium.logs import configure_from_environment  # noqa: PLC0415
    from podium.sandbox import SandboxError  # noqa: PLC0415
    from podium.worker import main as worker_main  # noqa: PLC0415
    from podium.worker.intake import REFUSED, TokenRefusedError  # noqa: PLC0415
    from podium.worker.settings import SettingsError, WorkerSettings  # noqa: PLC0415

    try:
        if token_file is not None:
            token = token_file.read_text(encoding="utf-8").strip()
        settings = WorkerSettings.from_environment(
            server=server,
            token=token,
            broker=broker,
            slots=slots,
            engine=engine,
            gpus=gpus,
            unsafe=unsafe or None,
        )
    except (SettingsError, OSError) as error:
        output.error(str(error))
        raise typer.Exit(Exit.USAGE) from error
    configure_from_environment()
    try:
        worker_main.run(settings)
    except TokenRefusedError as error:
        output.error(f"{REFUSED} ({error})")
        raise typer.Exit(Exit.USAGE) from error
    except (SandboxError, OSError) as error:
        output.error(str(error))
        raise typer.Exit(Exit.FAILED) from error


@app.command()
def environment(
    folder: Annotated[Path, typer.Argument(help="Where it goes; sandboxed programs must be able to reach it.")],
) -> None:
    """Make the environment that programs run in.

    It stands for images where there is no container engine; nothing happens when it exists already.
    """
    from podium.sandbox import SandboxError  # noqa: PLC0415
    from podium.sandbox.make_environment import make_default_environment  # noqa: PLC0415

    try:
        make_default_environment(folder, say=output.say)
    except (SandboxError, OSError) as error:
        output.error(str(error))
        raise typer.Exit(Exit.FAILED) from error


def _spare_the_current_folder(command: str) -> None:
    """Let no command that was called in the wrong folder make an installation's data folder, with keys, there."""
    data = Path(os.environ.get("PODIUM_DATA") or DEFAULT_DATA)
    if data.is_dir() or command in _MAKES_DATA or os.environ.get("DATABASE_URL"):
        return
    if command in _NEEDS_NO_DATA:
        os.environ.setdefault("PODIUM_SECRET_KEY", secrets.token_urlsafe(64))  # for this process alone
        return
    output.error(
        f"There is no data folder {data.absolute()}.",
        hint=f"Name the one of your installation: podium manage --data FOLDER {command} (or set PODIUM_DATA). "
        "A new installation is made by: podium up",
    )
    raise typer.Exit(Exit.USAGE)


def _use_data(data: Path) -> None:
    """The data folder of the command line is the one that the site's settings see."""
    os.environ["PODIUM_DATA"] = str(data)
