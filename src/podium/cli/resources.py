"""`podium datasets`, `podium tasks` and `podium quota`: files and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli import output
from podium.cli.groups import YesOption as Yes
from podium.cli.groups import confirm, group
from podium.cli.progress import progress_bar
from podium.cli.session import Session, remote

if TYPE_CHECKING:
    from podium.client.models import Dataset, TaskDetails

datasets = group("Your data and programs: list, send, change, delete.")
tasks = group("Your tasks: list, make, change, delete.")
quota = typer.Typer(help="The space your files take, and what of it nobody uses.", no_args_is_help=True)

DatasetArgument = Annotated[int, typer.Argument(metavar="DATASET", help="Number of the dataset.")]
TaskArgument = Annotated[int, typer.Argument(metavar="TASK", help="Number of the task.")]
SearchArgument = Annotated[str | None, typer.Argument(help="Words in name or description.", show_default=False)]
NameOption = Annotated[str | None, typer.Option("--name", help="What it is called.")]
DescriptionOption = Annotated[str | None, typer.Option("--description", help="What it is.")]
PublicOption = Annotated[bool | None, typer.Option("--public/--private", help="Whether everybody sees it.")]


@datasets.command("list")
@remote
def list_datasets(
    session: Session,
    search: SearchArgument = None,
    type_: Annotated[str | None, typer.Option("--type", help="input_data, scoring_program, submission, ...")] = None,
    public: Annotated[bool, typer.Option("--public", help="Only public ones, yours and others'.")] = False,
) -> None:
    """List datasets, newest first."""
    with session.client() as client:
        found = client.datasets(type=type_, public=public, search=search).all()
    columns: list[output.Column[Dataset]] = [
        ("ID", lambda d: d.id),
        ("Name", lambda d: d.name),
        ("Type", lambda d: d.type),
        ("Size", lambda d: output.size(d.file_size)),
        ("Owner", lambda d: d.created_by),
        ("Public", lambda d: d.is_public),
        ("Used in", lambda d: ", ".join(c.title for c in d.in_use)),
        ("Key", lambda d: d.key),
    ]
    session.items(found, columns, empty="No datasets.")


@datasets.command("upload")
@remote
def upload_dataset(
    session: Session,
    file: Annotated[Path, typer.Argument(help="File, zip or folder.", show_default=False)],
    type_: Annotated[str, typer.Option("--type", help="input_data, reference_data, scoring_program, ...")],
    name: NameOption = None,
) -> None:
    """Send a file and print its key."""
    with session.client() as client, progress_bar(f"Sending {file.name}", quiet=session.json) as progress:
        key = client.upload_dataset(file, type_, name=name, progress=progress)
    session.done({"key": key}, key)


@datasets.command("update")
@remote
def update_dataset(
    session: Session,
    *,
    dataset: DatasetArgument,
    name: NameOption = None,
    description: DescriptionOption = None,
    license_: Annotated[str | None, typer.Option("--license", help="Its licence.")] = None,
    public: PublicOption = None,
) -> None:
    """Change what is said of a dataset; its file never changes."""
    facts = _given(name=name, description=description, license=license_, is_public=public)
    with session.client() as client:
        found = client.update_dataset(dataset, **facts)
    session.item(found, f"Dataset {dataset} ({found.name}) is changed.")


@datasets.command("delete")
@remote
def delete_datasets(
    session: Session,
    numbers: Annotated[list[int], typer.Argument(metavar="DATASET...", show_default=False)],
    yes: Yes = False,
) -> None:
    """Delete datasets that nothing uses, all or none."""
    confirm(f"Delete {len(numbers)} datasets with their files?", yes=yes)
    with session.client() as client:
        client.delete_datasets(numbers)
    session.done({"deleted": numbers}, f"{len(numbers)} datasets are deleted.")


@tasks.command("list")
@remote
def list_tasks(
    session: Session,
    search: SearchArgument = None,
    public: Annotated[bool, typer.Option("--public", help="Also everybody's public tasks.")] = False,
) -> None:
    """List tasks, newest first."""
    with session.client() as client:
        found = client.tasks(public=public, search=search).all()
    columns: list[output.Column[TaskDetails]] = [
        ("ID", lambda t: t.id),
        ("Name", lambda t: t.name),
        ("Owner", lambda t: t.created_by),
        ("Public", lambda t: t.is_public),
        ("In use", lambda t: t.is_used_in_competitions),
        ("Key", lambda t: t.key),
    ]
    session.items(found, columns, empty="No tasks.")


@tasks.command("show")
@remote
def show_task(session: Session, task: TaskArgument) -> None:
    """Show a task with its programs and data."""
    with session.client() as client:
        found = client.task(task)
    if session.answer(found.model_dump(mode="json")):
        return
    output.say(f"{found.name} (task {found.id}, version {found.version})", style="bold")
    if found.description:
        output.say(found.description)
    parts = [(name, getattr(found, name)) for name in ("scoring_program", "ingestion_program")]
    parts += [(name, getattr(found, name)) for name in ("input_data", "reference_data")]
    output.table("", ("Part", "Name", "Key"), [(n.replace("_", " "), p.name, p.key) for n, p in parts if p])


@tasks.command("create")
@remote
def create_task(
    session: Session,
    *,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    scoring_program: Annotated[str, typer.Option("--scoring-program", metavar="KEY", help="Key of a dataset.")],
    ingestion_program: Annotated[str | None, typer.Option("--ingestion-program", metavar="KEY")] = None,
    input_data: Annotated[str | None, typer.Option("--input-data", metavar="KEY")] = None,
    reference_data: Annotated[str | None, typer.Option("--reference-data", metavar="KEY")] = None,
    description: DescriptionOption = None,
) -> None:
    """Make a task of datasets, which are named by their keys."""
    facts = _given(
        ingestion_program=ingestion_program,
        input_data=input_data,
        reference_data=reference_data,
        description=description,
    )
    with session.client() as client:
        found = client.create_task(name, scoring_program, **facts)
    session.item(found, f"Task {found.id} is made; its key is {found.key}.")


@tasks.command("upload")
@remote
def upload_task(
    session: Session,
    archive: Annotated[Path, typer.Argument(help="Zip or folder with task.yaml in it.", show_default=False)],
) -> None:
    """Make a task, and the datasets that it consists of, of an archive."""
    with session.client() as client, progress_bar(f"Sending {archive.name}", quiet=session.json) as progress:
        text = client.upload_task(archive, progress=progress)
    session.done({"message": text}, text)


@tasks.command("update")
@remote
def update_task(
    session: Session,
    task: TaskArgument,
    name: NameOption = None,
    description: DescriptionOption = None,
    public: PublicOption = None,
) -> None:
    """Change what is said of a task; what is not given stays."""
    with session.client() as client:
        found = client.update_task(task, **_given(name=name, description=description, is_public=public))
    session.item(found, f"Task {task} ({found.name}) is changed.")


@tasks.command("delete")
@remote
def delete_task(session: Session, task: TaskArgument, yes: Yes = False) -> None:
    """Delete a task that no phase has; its datasets stay."""
    confirm(f"Delete task {task}?", yes=yes)
    with session.client() as client:
        client.delete_task(task)
    session.done({"deleted": task}, f"Task {task} is deleted.")


@quota.command("show")
@remote
def show_quota(session: Session) -> None:
    """Show how much space your files take, and what nobody uses."""
    with session.client() as client:
        now, unused = client.quota(), client.unused()
    if session.answer({**now.model_dump(), "unused": unused.model_dump()}):
        return
    output.say(f"{output.size(now.storage_used)} of {now.quota:g} GB are used.")
    rows = [
        ("tasks", unused.unused_tasks),
        ("datasets", unused.unused_datasets_programs),
        ("submissions", unused.unused_submissions),
        ("failed", unused.failed_submissions),
    ]
    output.table("Nobody uses (podium quota clean KIND deletes them)", ("Kind", "Count"), rows, right=(1,))


@quota.command("clean")
@remote
def clean(
    session: Session,
    kind: Annotated[str, typer.Argument(help="tasks, datasets, submissions or failed.")],
    yes: Yes = False,
) -> None:
    """Delete what nobody uses."""
    if kind not in {"tasks", "datasets", "submissions", "failed"}:
        raise typer.BadParameter("Say what: tasks, datasets, submissions or failed.")
    confirm(
        f"Delete the {kind} {'submissions' if kind == 'failed' else 'that nobody uses'}, with their files?", yes=yes
    )
    with session.client() as client:
        text = client.delete_unused(kind)
    session.done({"message": text}, text)


def _given(**facts: Any) -> dict[str, Any]:
    """What was given on the command line."""
    return {name: value for name, value in facts.items() if value is not None}
