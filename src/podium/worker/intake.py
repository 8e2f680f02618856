"""Where jobs come from: the contract of every intake."""

from __future__ import annotations

from typing import Protocol

from podium.protocol import Beat, BeatAnswer, Job, Outcome

REFUSED = "The platform does not accept the queue token. Copy it again from the queue's page."


class AttemptOverError(Exception):
    """The platform says that this attempt is over (lost, cancelled, finished or superseded): forget it."""


class IntakeUnavailableError(Exception):
    """The platform did not answer usefully; the same request may succeed later."""


class IntakeRefusedError(Exception):
    """The platform refused the message itself; sending it again would be refused again."""


class TokenRefusedError(IntakeRefusedError):
    """The platform does not know the queue's token."""


class Intake(Protocol):
    """Jobs in, beats and outcomes out.

    Every message may be sent twice; the platform tells a repeated one by its attempt and offsets.
    """

    async def claim(self, slot: int, not_ready: str = "") -> Job | None:
        """Ask for one job; None when there was none within the wait.

        With `not_ready` only say why no job is taken now; the answer is None at once.

        Raises:
            IntakeUnavailableError: no useful answer.
            IntakeRefusedError: the queue token is not accepted.
        """
        ...

    async def beat(self, job: Job, beat: Beat) -> BeatAnswer:
        """Renew the lease and hand over new output.

        Raises:
            AttemptOverError: the attempt is no longer this worker's.
            IntakeUnavailableError: no useful answer.
            IntakeRefusedError: the message is refused for good.
        """
        ...

    async def finish(self, job: Job, outcome: Outcome) -> None:
        """Hand over how the attempt ended; raises as `beat` does."""
        ...
