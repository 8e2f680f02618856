"""`podium run`: try a bundle here, with the programs, sandboxes and ranking that a server uses."""

from __future__ import annotations

import codecs
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import output
from podium.cli.check import print_report, run_check
from podium.cli.live import LinePrinter, source_name
from podium.cli.operate import DEFAULT_DATA
from podium.cli.places import environment_of, own_environment
from podium.cli.session import Exit, Globals, JsonOption

if TYPE_CHECKING:
    from podium.cli.local import Plan, TaskRun
    from podium.formats.model import Task
    from podium.protocol import Step, Stream
    from podium.sandbox import Sandbox

app = typer.Typer()


@app.command()
def run(
    ctx: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Competition bundle: a zip or a folder.", show_default=False)],
    submission: Annotated[
        Path | None,
        typer.Argument(help="Zip, folder or file; default: the bundle's first solution.", show_default=False),
    ] = None,
    *,
    phase: Annotated[str | None, typer.Option(help="Index or name of the phase; default: the first.")] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Index or name of a task; may be repeated. Default: all.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="auto, bubblewrap, docker or process.", envvar="PODIUM_WORKER_ENGINE")
    ] = "auto",
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Allow the engine `process`, which isolates nothing.")
    ] = False,
    results: Annotated[
        Path | None, typer.Option(help="Folder to keep outputs and detailed results in.", show_default=False)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Run a bundle's programs on a submission, here.

    Prints what the programs print, then the scores and the leaderboard row that a server would give. Exit code 1
    when the submission fails.
    """
    as_json = json_ or (ctx.find_object(Globals) or Globals()).json
    if submission is not None and not submission.exists():
        raise typer.BadParameter(f"There is no file or folder {submission}.")
    report = run_check(bundle)
    if report.competition is None or not report.ok:
        print_report(report, bundle, as_json=as_json)
        raise typer.Exit(Exit.FAILED)
    from podium.cli import local  # noqa: PLC0415 - brings the worker
    from podium.client import PodiumError  # noqa: PLC0415
    from podium.client.uploads import as_zip  # noqa: PLC0415
    from podium.sandbox import SandboxError  # noqa: PLC0415

    try:
        with ExitStack() as stack:
            sent = stack.enter_context(as_zip(submission)) if submission is not None else None
            plan = local.make_plan(report.competition, sent, phase, task or [])
            kept = results or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podium-results-")))
            runs = _run(bundle, plan, _sandbox(engine, unsafe=unsafe), kept, quiet=as_json)
            _show(plan, runs, kept if results else None, as_json=as_json)
    except PodiumError as error:
        output.error(error.message, hint=error.hint)
        raise typer.Exit(Exit.USAGE) from error
    except (local.RunError, SandboxError) as error:
        output.error(str(error))
        raise typer.Exit(Exit.USAGE) from error
    if any(done.result.failure for done in runs):
        raise typer.Exit(Exit.FAILED)


def _sandbox(engine: str, *, unsafe: bool) -> Sandbox:
    """The sandbox that a worker here would use, with an environment made if there is none yet."""
    from podium.sandbox import SandboxConfig, create  # noqa: PLC0415

    address = os.environ.get("PODIUM_WORKER_CONTAINER_SOCKET") or os.environ.get("CONTAINER_SOCKET")
    in_containers = engine == "docker" or (engine == "auto" and bool(address))
    config = SandboxConfig(
        owner=f"run-{os.getpid()}",
        default_environment=None if in_containers else _environment(),
        container_socket=address,
        unsafe=unsafe,
    )
    return create(engine, config)


def _environment() -> Path | None:
    """An environment that is there, else one made now; None, and a warning, when it cannot be made."""
    from podium.sandbox import SandboxError  # noqa: PLC0415
    from podium.sandbox.make_environment import is_complete, make_default_environment  # noqa: PLC0415

    given = os.environ.get("PODIUM_WORKER_DEFAULT_ENVIRONMENT")
    if given:
        return Path(given)
    of_installation = environment_of(Path(os.environ.get("PODIUM_DATA") or DEFAULT_DATA))
    if is_complete(of_installation):
        return of_installation
    own = own_environment()
    if is_complete(own):
        return own
    output.say(
        "Programs need an environment with the usual scientific packages. It is made once, which takes one to five "
        "minutes by your connection.",
        stderr=True,
    )
    try:
        return make_default_environment(own, say=lambda text: output.say(text, stderr=True))
    except (SandboxError, OSError) as error:
        output.say(f"Warning: programs find Python's standard library only. {error}", style="yellow", stderr=True)
        return None


def _run(bundle: Path, plan: Plan, sandbox: Sandbox, results: Path, *, quiet: bool) -> list[TaskRun]:
    from podium.cli import local  # noqa: PLC0415

    printer = LinePrinter()
    decoders: dict[str, codecs.IncrementalDecoder] = {}

    def on_task(task: Task, name: str) -> None:
        if not quiet:
            printer.finish()
            output.say(f"Task {task.index} ({task.name}), submission {name}", style="bold")

    def on_output(step: Step, stream: Stream, data: bytes) -> None:
        if not quiet:
            source = source_name(step.value, stream.value)
            decoder = decoders.setdefault(source, codecs.getincrementaldecoder("utf-8")(errors="replace"))
            printer.feed(source, decoder.decode(data))

    done = local.run_plan(bundle, plan, sandbox, results=results, on_task=on_task, on_output=on_output)
    printer.finish()
    return done


def _show(plan: Plan, runs: list[TaskRun], kept: Path | None, *, as_json: bool) -> None:
    from podium.cli.local import leaderboard_row  # noqa: PLC0415

    row = leaderboard_row(plan.board, runs)
    failed = [done for done in runs if done.result.failure]
    if as_json:
        output.print_json(
            {
                "ok": not failed,
                "phase": {"index": plan.phase.index, "name": plan.phase.name},
                "tasks": [{**done.as_dict(), **({} if kept else {"detailed_results": None})} for done in runs],
                "leaderboard": {"title": plan.board.title, "row": [cell.as_dict() for cell in row]},
            }
        )
        return
    for done in runs:
        for note in done.result.notes:
            output.say(f"Note (task {done.task.index}): {note}", style="yellow")
        if failure := done.result.failure:
            output.say(
                f"Task {done.task.index} failed in {failure.step.value} ({failure.cause.value}): {failure.message}",
                style="red",
            )
        else:
            rows = [(key, score.text) for key, score in done.result.scores.items()]
            output.table(f"Scores of task {done.task.index} ({done.task.name})", ("Key", "Score"), rows, right=(1,))
    if not failed:
        names = {done.task.index: done.task.name for done in runs}
        several = len(runs) > 1
        headers = [f"{names[c.task]}\n{c.title}" if several and c.task is not None else c.title for c in row]
        output.table(
            f"{plan.board.title}: the row that a server would show",
            headers,
            [[c.shown for c in row]],
            right=range(len(row)),
        )
    if kept:
        output.say(f"Outputs: {kept}")
