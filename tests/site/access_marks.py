"""What must not be seen by everybody, and by whom it may be: each value has a mark that is looked for in every answer.

A mark is a text that occurs nowhere else. Whoever is not in its audience must not receive it by any route, in whatever
form: JSON, pages, tables, archives, streams, headers. Files are told by the addresses that open them: each grant in an
answer is read, and its file must be one that the asker may have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings

from podium.site.evaluation.models import Attempt, Run
from podium.site.queues.broker import password_of
from podium.site.resources import grants
from podium.site.resources.models import Dataset, StoredFile, TaskVersion
from tests.site.access_worlds import BROKER_PASSWORD, NOBODY, ORGANIZERS, ROLES, Setting, World

Audience = Callable[[Setting], frozenset[str]]


@dataclass(frozen=True)
class Mark:
    """A value that is looked for: its name, the text, and who may receive it."""

    name: str
    text: str
    audience: frozenset[str]


def _only(*roles: str) -> Audience:
    return lambda _: frozenset(roles)


def _person(role: str, *, takes_part: bool = False) -> Audience:
    """Somebody's address: theirs, the administrators', and where they take part the organizers'."""
    return lambda setting: frozenset({role, "ada"}) | (setting.organizers if takes_part else NOBODY)


def _viewers(setting: Setting) -> frozenset[str]:
    return setting.viewers


def _namers(setting: Setting) -> frozenset[str]:
    """Who sees a competition's name: also whose submission it is, and who may restore it."""
    return setting.viewers | setting.own | ({"olivia"} if setting.deleted else NOBODY)


def _organizers(setting: Setting) -> frozenset[str]:
    return setting.organizers


def _its_people(setting: Setting) -> frozenset[str]:
    return setting.organizers | setting.own


_nobody = _only()
_operators = _only(*ORGANIZERS)
_with_account = _only(*set(ROLES) - {"anonymous", "ben"})

TEXTS: dict[str, Audience] = {
    # A competition, to those who see it.
    "title": _namers,
    "description": _viewers,
    "page": _viewers,
    "terms": _viewers,
    # What its organizers alone see.
    "whitelist": _organizers,
    "reason": _organizers,
    "mail": _organizers,
    "hook": _organizers,
    "hidden-column": _organizers,
    "creation": _only("olivia", "ada"),
    # Its forum, to those who take part and its organizers; what is deleted and reported to these alone.
    "thread": _its_people,
    "post": _its_people,
    "report": _organizers,
    "deleted": _organizers,
    # A submission, to those who see it, and what its owner was told.
    "answer-shown": lambda setting: setting.submission_viewers,
    "answer.zip": lambda setting: (
        _its_people(setting) | {"pat", "ada"} | (setting.submission_viewers if setting.public else NOBODY)
    ),
    "answer-kept": _its_people,
    "status-details": _its_people,
    "limit": _its_people,
    "measured": _its_people,
    "program": _its_people,
    "note": _its_people,
    "credit": _its_people,
    "host": _its_people,
    "code": lambda setting: _its_people(setting) | (setting.submission_viewers if setting.public else NOBODY),
    "log-prediction": lambda setting: setting.output(),
    "scoring-remark": lambda setting: setting.output("hide_score_output"),
    "log-scoring": lambda setting: setting.output("hide_score_output"),
    # A queue, to those who operate it.
    "queue-token": _operators,
    "worker": _operators,
    "attempt-message": _operators,
    # The storage of the site, to administrators.
    "orphan": _only("ada"),
    # People.
    "organization": lambda setting: (
        frozenset({"pat", "olivia", "colin", "ada"}) | ({"sam"} if setting.organization else NOBODY)
    ),
    "token": _only("olivia", "ada"),
    "email-sam": _person("sam"),
    "email-penny": _person("penny", takes_part=True),
    "email-pat": _person("pat", takes_part=True),
    "email-olivia": _person("olivia", takes_part=True),
    "email-colin": _person("colin", takes_part=True),
    "email-ada": _person("ada"),
    "email-ben": _only("ada"),
    "email-bot": _person("bot"),
    "first": _with_account,
}
"""By the mark in the text (`mark-<name>`) who may receive it."""


def _versions(world: World) -> Iterator[tuple[str, TaskVersion]]:
    """The versions of the task of each phase, with what its parts are called."""
    for phase in world.competition.phases.order_by("index"):
        later = "" if phase.index == 0 else " of the next phase"
        yield later, TaskVersion.objects.get(task__phase_tasks__phase=phase)


def _parts(world: World) -> Iterator[tuple[str, Dataset, frozenset[str]]]:
    """Programs and data, and the participants who have them; those of a phase that has not begun, nobody."""
    takers = frozenset({"pat"}) & world.setting.viewers if world.setting.owner == "takes part" else NOBODY
    given = {"programs": ("scoring_program", "ingestion_program"), "input": ("input_data",)}
    names = {part for kind in world.setting.given for part in given[kind]}
    for later, version in _versions(world):
        for part in TaskVersion.PARTS:
            if (data := getattr(version, part)) is not None:
                yield f"{part.replace('_', ' ')}{later}", data, takers if part in names and not later else NOBODY
    phase = world.competition.phases.get(index=0)
    solution = phase.phase_tasks.get().task.solutions.get().data
    for name, data in (
        ("starting kit", phase.starting_kit),
        ("public data", phase.public_data),
        ("solution", solution),
    ):
        assert data is not None
        yield name, data, takers


def marks_of(world: World) -> list[Mark]:
    """All marks of a world: the texts above, and what only this world knows: keys, passwords, digests, scores."""
    setting, competition, submission = world.setting, world.competition, world.submission
    pat, olivia = world.people["pat"], world.people["olivia"]
    assert pat and olivia
    invited = world.organization.memberships.get(group="INVITED")
    found = [
        ("secret link", str(competition.secret_key), setting.everybody if setting.secret else setting.organizers),
        ("shown score", "0.41421356", setting.score_viewers),
        ("hidden score", "0.27182818", setting.organizers),
        ("broker address", password_of(world.lab.broker_access), ORGANIZERS),
        ("broker's own password", BROKER_PASSWORD, NOBODY),
        ("site key", settings.SECRET_KEY, NOBODY),
        ("invitation", str(invited.token), frozenset({"penny"})),
        ("plain token", pat.auth_token.key, frozenset({"pat"})),
        ("webhook secret", competition.webhooks.get().secret, NOBODY),
        ("secret of a submission", str(submission.secret), NOBODY),
        ("digest of a queue's token", world.lab.tokens.get().token_hash, NOBODY),
        ("digest of an API token", olivia.api_tokens.get().digest, NOBODY),
        *((f"password of {role}", user.password, NOBODY) for role, user in world.people.items() if user),
        *(("digest of an attempt's token", one.token_hash, NOBODY) for one in Attempt.objects.all()),
        *(("place in storage", one.key.split("/")[2], NOBODY) for one in StoredFile.objects.all()),
        *(
            (f"key of the {name}", str(data.key), frozenset({"olivia", "ada"}) | setting.organizers | takers)
            for name, data, takers in _parts(world)
        ),
    ]
    assert competition.bundle is not None
    found.append(("key of the bundle", str(competition.bundle.key), frozenset({"olivia", "ada"})))
    marks = [Mark(name, text, audience) for name, text, audience in found]
    return [*(Mark(name, f"mark-{name}", who(setting)) for name, who in TEXTS.items()), *marks]


@dataclass(frozen=True)
class Opened:
    """A file that an address in an answer opens: what it is, and who may have it."""

    name: str
    audience: frozenset[str]


def files_of(world: World) -> dict[str, Opened]:
    """What lies under each storage key of a world, and who may have it."""
    setting = world.setting
    found: dict[str, Opened] = {}

    def note(file: StoredFile | None, name: str, audience: frozenset[str]) -> None:
        if file is not None:
            found[file.key] = Opened(name, audience)

    for run in Run.objects.filter(submission=world.submission):
        of_step = setting.output("hide_prediction_output" if run.step == "prediction" else "hide_score_output")
        note(run.output, f"{run.step} output", of_step)
        note(run.private_output, "private output", setting.organizers)
        of_report = NOBODY if setting.hides("hide_score_output") else setting.score_viewers
        note(run.detailed_results, "report", setting.organizers | of_report)
    shared = setting.submission_viewers if setting.public else NOBODY
    note(
        world.submission.data and world.submission.data.data_file,
        "submitted file",
        _its_people(setting) | {"pat", "ada"} | shared,
    )
    for name, data, takers in _parts(world):
        note(data.data_file, name, setting.organizers | takers)
    note(world.competition.logo, "logo", _namers(setting))
    note(world.competition.bundle and world.competition.bundle.data_file, "bundle", setting.organizers)
    own = frozenset({"olivia", "ada"})
    note(world.dataset.data_file, "dataset", frozenset(ROLES) - {"ben"} if world.dataset.is_public else own)
    found[world.upload] = Opened("upload in parts", frozenset({"olivia"}))
    return found


_GRANT = re.compile(r"/files/([A-Za-z0-9_.:=-]+)")
_LOG = re.compile(r"/logs/(\w+)/\?grant=")


def opened_by(text: str, files: dict[str, Opened], setting: Setting) -> Iterator[Opened]:
    """The files and logs that the addresses in an answer open."""
    for token in set(_GRANT.findall(text)):
        key = grants.read(token).key
        yield files.get(key, Opened("an unknown file", NOBODY))
    for name in set(_LOG.findall(text)):
        hidden = ["hide_score_output"] if name.startswith("scoring") else []
        yield Opened(f"log {name}", setting.output(*hidden))
