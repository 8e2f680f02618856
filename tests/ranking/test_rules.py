"""Submission rules: single cases in words, and invariants over random histories."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.ranking.columns import Column
from podium.ranking.keys import sort_key_hex
from podium.ranking.order import Entry
from podium.ranking.rules import (
    Change,
    Refusal,
    SubmissionRule,
    allows_several,
    may_edit,
    may_remove,
    on_manual_add,
    on_manual_remove,
    on_verdict,
    recompute,
)

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
COLUMNS = [Column(key="s", index=0)]
FORCED = [rule for rule in SubmissionRule if rule.value.startswith("Force")]
MANUAL = [rule for rule in SubmissionRule if rule.value.startswith("Add")]


def entry(entry_id: int, score: float | None, minute: int | None = None, owner: str = "pat") -> Entry:
    moment = NOON + timedelta(minutes=entry_id if minute is None else minute)
    key = sort_key_hex(COLUMNS, 0, {"s": score}, moment, entry_id)
    return Entry(id=entry_id, owner=owner, submitted_at=moment, sort_key=key, scored=score is not None)


def apply(standing: Sequence[Entry], change: Change | Refusal, known: Sequence[Entry]) -> list[Entry]:
    assert isinstance(change, Change)
    ids = {e.id for e in standing}
    assert change.remove <= ids
    assert not change.add & ids
    ids = (ids - change.remove) | change.add
    return [e for e in known if e.id in ids]


def change(add: set[int] | None = None, remove: set[int] | None = None) -> Change:
    return Change(add=frozenset(add or ()), remove=frozenset(remove or ()))


# Verdicts


@pytest.mark.parametrize("rule", MANUAL)
def test_a_verdict_changes_nothing_under_a_manual_rule(rule: SubmissionRule) -> None:
    assert on_verdict(rule, [entry(1, 0.5)], entry(2, 0.9)) == Change()


def test_force_best_replaces_a_worse_entry_and_keeps_a_better_one() -> None:
    assert on_verdict(SubmissionRule.FORCE_BEST, [entry(1, 0.5)], entry(2, 0.9)) == change({2}, {1})
    assert on_verdict(SubmissionRule.FORCE_BEST, [entry(1, 0.9)], entry(2, 0.5)) == Change()


def test_force_best_keeps_the_earlier_of_two_equal_entries() -> None:
    assert on_verdict(SubmissionRule.FORCE_BEST, [entry(1, 0.5)], entry(2, 0.5)) == Change()


@pytest.mark.parametrize("rule", FORCED)
def test_an_entry_without_scores_never_enters_by_force(rule: SubmissionRule) -> None:
    assert on_verdict(rule, [], entry(2, None)) == Change()
    assert on_verdict(rule, [entry(1, -5.0)], entry(2, None)) == Change()


@pytest.mark.parametrize("rule", FORCED)
def test_a_standing_entry_that_lost_its_scores_leaves_the_board(rule: SubmissionRule) -> None:
    assert on_verdict(rule, [entry(1, 0.5)], entry(1, None)) == change(remove={1})


def test_force_last_follows_the_time_of_submission_not_of_the_verdict() -> None:
    assert on_verdict(SubmissionRule.FORCE_LAST, [entry(2, 0.5)], entry(1, 0.9)) == Change()
    assert on_verdict(SubmissionRule.FORCE_LAST, [entry(1, 0.9)], entry(2, 0.5)) == change({2}, {1})


def test_force_latest_multiple_keeps_all() -> None:
    assert on_verdict(SubmissionRule.FORCE_LATEST_MULTIPLE, [entry(1, 0.9)], entry(2, 0.1)) == change({2})


@pytest.mark.parametrize("rule", list(SubmissionRule))
def test_a_verdict_told_twice_changes_nothing_the_second_time(rule: SubmissionRule) -> None:
    known = [entry(1, 0.4), entry(2, 0.6)]
    standing = apply([known[0]], on_verdict(rule, [known[0]], known[1]), known)
    assert on_verdict(rule, standing, known[1]) in (Change(), on_verdict(rule, [known[0]], known[1]))
    if rule in FORCED:
        assert on_verdict(rule, standing, known[1]) == Change()


@pytest.mark.parametrize("rule", list(SubmissionRule))
def test_a_rule_read_as_plain_text_means_the_same(rule: SubmissionRule) -> None:
    standing, new, text = [entry(1, 0.5)], entry(2, 0.9), str(rule.value)
    assert on_verdict(text, standing, new) == on_verdict(rule, standing, new)  # type: ignore[arg-type]
    assert on_manual_add(text, standing, new) == on_manual_add(rule, standing, new)  # type: ignore[arg-type]
    known = [*standing, new]
    assert recompute(text, known, {1}) == recompute(rule, known, {1})  # type: ignore[arg-type]


def test_entries_of_two_owners_are_refused() -> None:
    with pytest.raises(ValueError, match="one owner"):
        on_verdict(SubmissionRule.FORCE_BEST, [entry(1, 0.5, owner="sam")], entry(2, 0.9))


# By hand


@pytest.mark.parametrize("rule", [SubmissionRule.ADD, SubmissionRule.ADD_AND_DELETE])
def test_adding_by_hand_replaces_the_owners_entry_where_one_is_allowed(rule: SubmissionRule) -> None:
    assert on_manual_add(rule, [entry(1, 0.9)], entry(2, 0.5)) == change({2}, {1})


def test_adding_by_hand_keeps_the_others_where_several_are_allowed() -> None:
    assert on_manual_add(SubmissionRule.ADD_AND_DELETE_MULTIPLE, [entry(1, 0.9)], entry(2, 0.5)) == change({2})


@pytest.mark.parametrize("rule", MANUAL)
def test_adding_what_stands_already_changes_nothing(rule: SubmissionRule) -> None:
    assert on_manual_add(rule, [entry(1, 0.9)], entry(1, 0.9)) == Change()


@pytest.mark.parametrize("rule", MANUAL)
def test_an_entry_without_scores_is_not_added_by_hand(rule: SubmissionRule) -> None:
    assert isinstance(on_manual_add(rule, [], entry(1, None)), Refusal)


@pytest.mark.parametrize("rule", FORCED)
def test_under_a_forced_rule_only_the_privileged_edit_by_hand(rule: SubmissionRule) -> None:
    standing = [entry(1, 0.9)]
    refused = on_manual_add(rule, standing, entry(2, 0.5))
    assert isinstance(refused, Refusal)
    assert "automatically" in refused.reason
    assert isinstance(on_manual_remove(rule, standing, standing[0]), Refusal)
    added = on_manual_add(rule, standing, entry(2, 0.5), privileged=True)
    assert added == change({2}, None if allows_several(rule) else {1})
    assert on_manual_remove(rule, standing, standing[0], privileged=True) == change(remove={1})


def test_removal_is_refused_under_add_and_granted_under_the_rules_with_delete() -> None:
    standing = [entry(1, 0.9)]
    refused = on_manual_remove(SubmissionRule.ADD, standing, standing[0])
    assert isinstance(refused, Refusal)
    assert "replaced" in refused.reason
    for rule in (SubmissionRule.ADD_AND_DELETE, SubmissionRule.ADD_AND_DELETE_MULTIPLE):
        assert on_manual_remove(rule, standing, standing[0]) == change(remove={1})


def test_what_does_not_stand_cannot_be_removed() -> None:
    refused = on_manual_remove(SubmissionRule.ADD_AND_DELETE, [entry(1, 0.9)], entry(2, 0.5))
    assert isinstance(refused, Refusal)
    assert "not on the leaderboard" in refused.reason


def test_who_may_do_what_by_rule() -> None:
    rights = {rule.value: (may_edit(rule), may_remove(rule), allows_several(rule)) for rule in SubmissionRule}
    assert rights == {
        "Add": (True, False, False),
        "Add_And_Delete": (True, True, False),
        "Add_And_Delete_Multiple": (True, True, True),
        "Force_Last": (False, False, False),
        "Force_Latest_Multiple": (False, False, True),
        "Force_Best": (False, False, False),
    }


# Making a board obey its rule again


def test_after_a_deletion_the_next_best_takes_the_place() -> None:
    assert recompute(SubmissionRule.FORCE_BEST, [entry(1, 0.4), entry(2, 0.6)], {3}) == change({2}, {3})


def test_after_the_last_candidate_is_gone_the_board_is_empty() -> None:
    assert recompute(SubmissionRule.FORCE_BEST, [], {3}) == change(remove={3})


def test_a_change_to_a_manual_rule_keeps_what_stands() -> None:
    candidates = [entry(1, 0.4), entry(2, 0.6)]
    assert recompute(SubmissionRule.ADD_AND_DELETE_MULTIPLE, candidates, {1}) == Change()
    assert recompute(SubmissionRule.ADD, candidates, {1}) == Change()


def test_a_change_to_a_rule_for_one_entry_keeps_the_one_submitted_last() -> None:
    candidates = [entry(1, 0.4), entry(2, 0.6), entry(3, 0.9)]
    assert recompute(SubmissionRule.ADD, candidates, {1, 2}) == change(remove={1})


# Invariants over histories: verdicts arrive in any order

histories = st.lists(
    st.tuples(st.one_of(st.none(), st.sampled_from([-1.0, 0.0, -0.0, 0.5, 1.0])), st.integers(0, 3)), max_size=8
).map(lambda rows: [entry(i, score, minute) for i, (score, minute) in enumerate(rows)])


@given(histories, st.randoms(use_true_random=False))
def test_force_best_shows_exactly_the_best_scored_entry(known: list[Entry], random: object) -> None:
    arrival = list(known)
    random.shuffle(arrival)  # type: ignore[attr-defined]
    standing: list[Entry] = []
    seen: list[Entry] = []
    for new in arrival:
        standing = apply(standing, on_verdict(SubmissionRule.FORCE_BEST, standing, new), known)
        seen.append(new)
        scored = [e for e in seen if e.scored]
        assert len(standing) == min(1, len(scored))
        assert all(standing[0].sort_key <= e.sort_key for e in scored)


@given(histories, st.randoms(use_true_random=False))
def test_force_last_ends_with_the_scored_entry_submitted_last(known: list[Entry], random: object) -> None:
    arrival = list(known)
    random.shuffle(arrival)  # type: ignore[attr-defined]
    standing: list[Entry] = []
    for new in arrival:
        standing = apply(standing, on_verdict(SubmissionRule.FORCE_LAST, standing, new), known)
    scored = sorted((e for e in known if e.scored), key=lambda e: (e.submitted_at, e.id))
    assert standing == scored[-1:]


@given(histories, st.sampled_from(FORCED), st.randoms(use_true_random=False))
def test_verdicts_one_by_one_and_a_recomputation_agree(
    known: list[Entry], rule: SubmissionRule, random: object
) -> None:
    arrival = list(known)
    random.shuffle(arrival)  # type: ignore[attr-defined]
    standing: list[Entry] = []
    for new in arrival:
        standing = apply(standing, on_verdict(rule, standing, new), known)
    assert recompute(rule, known, {e.id for e in standing}) == Change()
    assert apply([], recompute(rule, known, set()), known) == standing


steps = st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 4)), max_size=12)


@given(steps, st.sampled_from(MANUAL))
def test_no_series_of_manual_edits_leaves_more_entries_than_the_rule_allows(
    series: list[tuple[str, int]], rule: SubmissionRule
) -> None:
    known = [entry(i, i / 10) for i in range(5)]
    standing: list[Entry] = []
    for verb, number in series:
        act = on_manual_add if verb == "add" else on_manual_remove
        answer = act(rule, standing, known[number])
        if isinstance(answer, Refusal):
            assert verb == "remove"
            continue
        standing = apply(standing, answer, known)
        assert (known[number] in standing) == (verb == "add")
        assert allows_several(rule) or len(standing) <= 1
