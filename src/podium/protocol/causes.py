"""Why a step failed, whose fault that is, and what to do next: a closed list."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Step(StrEnum):
    """One step of a submission's evaluation."""

    PREDICTION = "prediction"
    SCORING = "scoring"


class Cause(StrEnum):
    """Why an attempt ended without a verdict."""

    IMAGE_PULL = "image_pull"
    UNPACK = "unpack"
    BAD_LAYOUT = "bad_layout"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    DISK_LIMIT = "disk_limit"
    OUTPUT_LIMIT = "output_limit"
    EXIT_CODE = "exit_code"
    MISSING_OUTPUT = "missing_output"
    BAD_SCORES = "bad_scores"
    SCORER_FAILED = "scorer_failed"
    WORKER_LOST = "worker_lost"
    CANCELLED = "cancelled"
    PLATFORM = "platform"


class Fault(StrEnum):
    """Who has to mend it."""

    PARTICIPANT = "participant"
    ORGANIZER = "organizer"
    PLATFORM = "platform"
    NOBODY = "nobody"


class Failure(BaseModel):
    """What a failed attempt reports.

    `program` says which program failed ("program" or "ingestion"), `limit` and `measured` are texts with
    their unit ("600 s", "2.1 GB") where a limit was hit; `message` is one sentence for the participant.
    `fault` is given where the worker knows better than `fault_of` (an organizer's archive that cannot be unpacked).
    """

    model_config = ConfigDict(frozen=True)

    cause: Cause
    step: Step
    message: str = Field(max_length=4000)
    program: str | None = Field(default=None, max_length=40)
    limit: str | None = Field(default=None, max_length=100)
    measured: str | None = Field(default=None, max_length=100)
    fault: Fault | None = None

    @property
    def blamed(self) -> Fault:
        """Whose fault it is."""
        return self.fault or fault_of(self.cause, self.step)


_PLATFORM = {Cause.IMAGE_PULL, Cause.WORKER_LOST, Cause.PLATFORM}
_ORGANIZER = {Cause.BAD_SCORES, Cause.SCORER_FAILED}


def fault_of(cause: Cause, step: Step) -> Fault:
    """Say whose fault a cause is.

    In the prediction step the participant's program is the one that runs; in the scoring step it is the
    organizer's, so a limit hit there is the organizer's to mend.
    """
    if cause is Cause.CANCELLED:
        return Fault.NOBODY
    if cause in _PLATFORM:
        return Fault.PLATFORM
    if cause is Cause.UNPACK:
        return Fault.PARTICIPANT
    if cause in _ORGANIZER or step is Step.SCORING:
        return Fault.ORGANIZER
    return Fault.PARTICIPANT


def gettext_noop(text: str) -> str:
    """Mark a text that the site's pages translate."""
    return text


_ADVICE: dict[Cause, str] = {
    Cause.IMAGE_PULL: gettext_noop(
        "The image could not be fetched by the worker. Nothing was wrong with the submission; try again "
        "later or tell the organizer which image failed."
    ),
    Cause.UNPACK: gettext_noop(
        "Zip the files again as a plain zip without links or absolute paths, and submit once more."
    ),
    Cause.BAD_LAYOUT: gettext_noop(
        "Compare the archive with the starting kit: something that the task needs is missing or misplaced."
    ),
    Cause.TIME_LIMIT: gettext_noop(
        "Make the program quicker, or try it on less data first; the limit stands on the phase."
    ),
    Cause.MEMORY_LIMIT: gettext_noop("Use less memory: load data in parts, use smaller types or a smaller model."),
    Cause.DISK_LIMIT: gettext_noop("Write less to disk: keep only the files that the task asks for."),
    Cause.OUTPUT_LIMIT: gettext_noop("Print less: write long output to no file and no console."),
    Cause.EXIT_CODE: gettext_noop("Read the end of its error log; the program ended by itself with an error."),
    Cause.MISSING_OUTPUT: gettext_noop(
        "The program ended without writing the file that the next step needs. Check file names and the output folder."
    ),
    Cause.BAD_SCORES: gettext_noop(
        "The scoring program wrote scores that cannot be used. The organizer has to mend it."
    ),
    Cause.SCORER_FAILED: gettext_noop(
        "Look at the end of the scoring log first: it may say what is wrong with your files. "
        "If it does not, tell the organizer."
    ),
    Cause.WORKER_LOST: gettext_noop("The worker went away three times. The try was given back; submit again."),
    Cause.CANCELLED: gettext_noop("Submit again whenever you like."),
    Cause.PLATFORM: gettext_noop(
        "Something went wrong on the platform's side. The try was given back; submit again, and tell the "
        "administrator if it happens twice."
    ),
}


def advice_for(cause: Cause) -> str:
    """Say in one or two sentences what to do next about `cause`."""
    return _ADVICE[cause]
