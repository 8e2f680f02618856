"""Changes of submissions, runs and attempts.

`submissions` is what people do, `attempts` what workers do (and what happens when they do not), `verdicts` how states
change, `ledger` how tries are counted.
"""

from podium.site.evaluation.services.attempts import beat, claim_run, finish, sweep
from podium.site.evaluation.services.submissions import (
    cancel,
    cancel_many,
    may_cancel,
    reason_against,
    start_held,
    start_many,
    submit,
    update_fact_sheet,
)

__all__ = [
    "beat",
    "cancel",
    "cancel_many",
    "claim_run",
    "finish",
    "may_cancel",
    "reason_against",
    "start_held",
    "start_many",
    "submit",
    "sweep",
    "update_fact_sheet",
]
