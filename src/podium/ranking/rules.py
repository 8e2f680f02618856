"""Submission rules: which submissions of a person stand on a board.

Every function looks at the entries of one owner in one phase and answers what to put on the board and what to take
from it; the caller does so in its own transaction. The six rules are Codabench's, as its documentation words them. An
entry over several tasks is one entry (the parent), so no rule can tear it apart. Rules compare by their text, so a
stored text does as well as a member of the enumeration.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from podium.formats.model import SubmissionRule as SubmissionRule  # noqa: PLC0414  re-exported: one word, one thing
from podium.ranking.order import Entry

_FORCED = frozenset({SubmissionRule.FORCE_LAST, SubmissionRule.FORCE_LATEST_MULTIPLE, SubmissionRule.FORCE_BEST})
_MULTIPLE = frozenset({SubmissionRule.ADD_AND_DELETE_MULTIPLE, SubmissionRule.FORCE_LATEST_MULTIPLE})
_REMOVABLE = frozenset({SubmissionRule.ADD_AND_DELETE, SubmissionRule.ADD_AND_DELETE_MULTIPLE})


@dataclass(frozen=True)
class Change:
    """Ids of entries to put on a board and to take from it; an id is never in both."""

    add: frozenset[int] = frozenset()
    remove: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Refusal:
    """Why a wish about the board is not granted, in one sentence for the person who had it."""

    reason: str


def may_edit(rule: SubmissionRule) -> bool:
    """Return whether participants choose themselves what stands on the board (the rules that are not forced)."""
    return rule not in _FORCED


def may_remove(rule: SubmissionRule) -> bool:
    """Return whether participants may take an entry of theirs from the board."""
    return rule in _REMOVABLE


def allows_several(rule: SubmissionRule) -> bool:
    """Return whether one owner may have several entries on the board of a phase."""
    return rule in _MULTIPLE


def on_verdict(rule: SubmissionRule, current: Collection[Entry], new: Entry) -> Change:
    """Return what the verdict of `new` changes, where `current` are the owner's entries that stand in the phase.

    Under the manual rules nothing. Under the forced ones an entry without a score never enters; the last is the one
    submitted last, whenever its verdict comes, and the best is the one with the smallest sort key.

    Use `recompute` where a standing entry got other scores, was deleted or the rule changed: the next best is not among
    `current` then.

    Raises ValueError when `current` holds entries of another owner.
    """
    _same_owner([*current, new])
    if rule not in _FORCED:
        return Change()
    standing = {entry.id for entry in current}
    candidates = {entry.id: entry for entry in [*current, new]}
    return _difference(standing, _stands(rule, candidates.values()))


def recompute(rule: SubmissionRule, candidates: Collection[Entry], standing: Collection[int]) -> Change:
    """Return what makes a board obey its rule again, after a deletion, another score, a ban or a change of the rule.

    `candidates` are all of the owner's finished entries of the phase that may stand on the board, with their present
    sort keys; `standing` are the ids that stand there now. Under a forced rule the board is what the rule makes of the
    candidates. Under a manual rule what stands goes on standing, if it still is a candidate; when the rule allows one
    entry and several stand (the rule was changed), the one submitted last stays.

    Raises ValueError when the candidates have several owners.
    """
    _same_owner(candidates)
    pool = candidates if rule in _FORCED else [entry for entry in candidates if entry.id in standing]
    return _difference(set(standing), _stands(rule, pool))


def on_manual_add(
    rule: SubmissionRule, current: Collection[Entry], entry: Entry, *, privileged: bool = False
) -> Change | Refusal:
    """Return what putting `entry` on the board changes, or why it may not be put there.

    `privileged` is for those who may overrule a forced rule (Codabench's rule: administrators); the next verdict
    applies the rule again. Under the rules for one entry the owner's previous one makes room.

    Raises ValueError when `current` holds entries of another owner.
    """
    _same_owner([*current, entry])
    if not may_edit(rule) and not privileged:
        return Refusal(f"On this leaderboard {_FORCED_WORDS[rule]}; entries cannot be chosen by hand.")
    if not entry.scored:
        return Refusal("This submission has no score, so it has no place on a leaderboard.")
    standing = {other.id for other in current}
    return _difference(standing, standing | {entry.id} if allows_several(rule) else {entry.id})


def on_manual_remove(
    rule: SubmissionRule, current: Collection[Entry], entry: Entry, *, privileged: bool = False
) -> Change | Refusal:
    """Return what taking `entry` from the board changes, or why it may not be taken.

    `privileged` is for those who may remove what the rule would keep. Raises ValueError when `current` holds entries of
    another owner.
    """
    _same_owner([*current, entry])
    if rule in _FORCED and not privileged:
        return Refusal(f"On this leaderboard {_FORCED_WORDS[rule]}; entries cannot be removed by hand.")
    if not may_remove(rule) and not privileged:
        return Refusal("On this leaderboard an entry can be replaced by another submission, but not removed.")
    if entry.id not in {other.id for other in current}:
        return Refusal("This submission is not on the leaderboard.")
    return Change(remove=frozenset({entry.id}))


_FORCED_WORDS = {
    SubmissionRule.FORCE_LAST: "each participant's latest scored submission stands automatically",
    SubmissionRule.FORCE_LATEST_MULTIPLE: "every scored submission stands automatically",
    SubmissionRule.FORCE_BEST: "each participant's best submission stands automatically",
}


def _stands(rule: SubmissionRule, pool: Iterable[Entry]) -> set[int]:
    scored = [entry for entry in pool if entry.scored]
    if not scored:
        return set()
    if rule in _MULTIPLE:
        return {entry.id for entry in scored}
    if rule == SubmissionRule.FORCE_BEST:
        return {min(scored, key=lambda entry: entry.sort_key).id}
    return {max(scored, key=lambda entry: (entry.submitted_at, entry.id)).id}


def _difference(before: set[int], after: set[int]) -> Change:
    return Change(add=frozenset(after - before), remove=frozenset(before - after))


def _same_owner(entries: Iterable[Entry]) -> None:
    owners = {entry.owner for entry in entries}
    if len(owners) > 1:
        raise ValueError(f"A submission rule decides about one owner's entries, not about those of {len(owners)}.")
