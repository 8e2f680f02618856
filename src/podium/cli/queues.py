"""`podium queues`: the queues that one owns or organizes, their tokens and their workers."""

from __future__ import annotations

from typing import Annotated

import typer

from podium.cli import completion, output
from podium.cli.groups import YesOption as Yes
from podium.cli.groups import confirm, group
from podium.cli.session import Exit, Session, remote

app = group("Queues of your own: make them, hand out tokens, see their workers.")

QueueArgument = Annotated[
    int, typer.Argument(metavar="QUEUE", help="Number of the queue.", autocompletion=completion.queues)
]
TokenArgument = Annotated[int, typer.Argument(metavar="TOKEN", help="Number of the token (see `token QUEUE`).")]


@app.command("list")
@remote
def list_(
    session: Session,
    search: Annotated[str | None, typer.Argument(help="Words in the name.", show_default=False)] = None,
    public: Annotated[bool, typer.Option("--public", help="Also everybody's public queues.")] = False,
) -> None:
    """List your queues."""
    with session.client() as client:
        found = client.queues(public=public, search=search).all()
    if session.answer([item.model_dump(mode="json") for item in found]):
        return
    if not found:
        output.say("No queues. `podium queues create NAME` makes one.")
        return
    rows = [
        (
            queue.id,
            queue.name,
            "public" if queue.is_public else "private",
            "you" if queue.is_owner else None,
            "yes" if queue.is_served else "no worker",
            queue.vhost,
        )
        for queue in found
    ]
    output.table("", ("ID", "Name", "For", "Owner", "Served", "Vhost (for bundles)"), rows, right=(0,))


@app.command()
@remote
def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    public: Annotated[bool, typer.Option("--public", help="Everybody's competitions may use it.")] = False,
) -> None:
    """Make a queue."""
    with session.client() as client:
        queue = client.create_queue(name, public=public)
    if not session.answer(queue.model_dump(mode="json")):
        output.say(f"Queue {queue.id} is there. `podium queues token {queue.id} --new NAME` lets a worker serve it.")


@app.command()
@remote
def update(
    session: Session,
    queue: QueueArgument,
    name: Annotated[str | None, typer.Option("--name", help="What it is called.")] = None,
    public: Annotated[bool | None, typer.Option("--public/--private", help="Whether everybody may use it.")] = None,
) -> None:
    """Change a queue's name, or who may use it."""
    with session.client() as client:
        found = client.update_queue(queue, name=name, public=public)
    session.item(found, f"Queue {queue} ({found.name}) is changed.")


@app.command()
@remote
def token(
    session: Session,
    queue: QueueArgument,
    new: Annotated[str | None, typer.Option("--new", metavar="NAME", help="Make a token of this name.")] = None,
    rotate: Annotated[int | None, typer.Option("--rotate", metavar="TOKEN", help="Replace a token's secret.")] = None,
) -> None:
    """List a queue's tokens, make one or rotate one; a secret is printed once and alone, so that it can be piped."""
    if new is not None and rotate is not None:
        output.error("--new and --rotate exclude each other.")
        raise typer.Exit(Exit.USAGE)
    with session.client() as client:
        if new is None and rotate is None:
            tokens = client.queue_tokens(queue).all()
            if session.answer([item.model_dump(mode="json", exclude={"token"}) for item in tokens]):
                return
            if not tokens:
                output.say(f"No tokens. `podium queues token {queue} --new NAME` makes one.")
                return
            rows = [(t.id, t.name, t.ending, t.last_used_when and f"{t.last_used_when:%Y-%m-%d %H:%M}") for t in tokens]
            output.table("", ("ID", "Name", "Ends with", "Last used"), rows, right=(0,))
            return
        made = client.rotate_queue_token(queue, rotate) if rotate else client.create_queue_token(queue, str(new))
        server = client.server
    if not session.answer(made.model_dump(mode="json")):
        output.write(f"{made.token}\n")
        output.say("It is shown this once. On the machine that is to work for the queue:", stderr=True)
        output.say(f"  podium worker --server {server} --token-file FILE", stderr=True)


@app.command()
@remote
def revoke(session: Session, queue: QueueArgument, token: TokenArgument) -> None:
    """Revoke a token: it is refused from the next claim on; jobs under way finish."""
    with session.client() as client:
        client.revoke_queue_token(queue, token)
    if not session.answer({"revoked": token}):
        output.say(f"Token {token} is revoked.")


@app.command()
@remote
def delete(
    session: Session,
    queue: QueueArgument,
    yes: Yes = False,
) -> None:
    """Delete a queue; its competitions, with what waits, go to the default queue."""
    confirm(f"Delete queue {queue}? What uses it goes to the default queue.", yes=yes)
    with session.client() as client:
        client.delete_queue(queue)
    if not session.answer({"deleted": queue}):
        output.say(f"Queue {queue} is deleted.")


@app.command()
@remote
def workers(
    session: Session,
    queue: QueueArgument,
    drain: Annotated[int | None, typer.Option("--drain", metavar="WORKER", help="Give it no new jobs.")] = None,
    undrain: Annotated[int | None, typer.Option("--undrain", metavar="WORKER", help="Give it jobs again.")] = None,
) -> None:
    """Show a queue's workers, or drain one."""
    with session.client() as client:
        if drain is not None:
            client.drain_worker(queue, drain)
        if undrain is not None:
            client.drain_worker(queue, undrain, drained=False)
        found = client.workers(queue).all()
    if session.answer([item.model_dump(mode="json") for item in found]):
        return
    if not found:
        output.say("No worker in the last week.")
        return
    rows = [
        (
            worker.id,
            worker.name,
            worker.state,
            worker.last_seen and f"{worker.last_seen:%Y-%m-%d %H:%M}",
            f"{worker.engine}, {worker.slots} slots",
            ", ".join(worker.gpus),
            " ".join(f"#{number}" for number in worker.running),
            worker.last_error,
        )
        for worker in found
    ]
    output.table("", ("ID", "Name", "State", "Seen (UTC)", "Machine", "GPUs", "Doing", "Last error"), rows, right=(0,))
