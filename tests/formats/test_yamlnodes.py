"""The YAML reader: plain values with places, and no way to make it do more."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from podium.formats.yamlnodes import MAX_DEPTH, MAX_NODES, YamlError, decode, load


def test_values_are_those_of_yaml_1_1() -> None:
    text = (
        "yes: on\nno: Off\nfloat: 1.5e3\nint: -7\nnull: ~\nempty:\ndate: 2024-01-01 10:00:00\ntime: 12:30\nhex: 0x1F\n"
    )
    assert load(text).plain() == {
        "yes": True,
        "no": False,
        "float": 1500.0,
        "int": -7,
        "null": None,
        "empty": None,
        "date": "2024-01-01 10:00:00",
        "time": "12:30",
        "hex": "0x1F",
    }


def test_numbers_that_are_not_finite_are_read_as_such() -> None:
    node = load("[.nan, .inf, -.inf]")
    assert math.isnan(node.items[0].value)  # type: ignore[arg-type]
    assert [item.value for item in node.items[1:]] == [math.inf, -math.inf]


def test_keys_and_values_know_their_line_and_column() -> None:
    root = load("a: 1\nlist:\n  - x\n  - key: value\n")
    entry = root.entries["list"]
    assert (entry.line, entry.column) == (2, 1)
    item = entry.node.items[1]
    assert (item.line, item.column) == (4, 5)
    value = item.get("key")
    assert value is not None
    assert (value.line, value.column) == (4, 10)


def test_of_a_key_given_twice_the_last_one_counts_and_both_are_known() -> None:
    root = load("a: 1\nb: 2\na: 3\n")
    assert root.plain() == {"b": 2, "a": 3}
    (duplicate,) = root.duplicates
    assert (duplicate.key, duplicate.line, duplicate.first_line) == ("a", 3, 1)


def test_merged_mappings_give_only_what_is_not_given_itself() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 0}\nd: {'<<': 5}\n"
    assert load(text).plain()["c"] == {"x": 0, "y": 1, "z": 2}
    assert load(text).plain()["d"] == {"<<": 5}
    with pytest.raises(YamlError, match="must be a mapping"):
        load("a: {<<: 3}")


def test_text_is_never_shortened_by_its_type() -> None:
    assert load("version: 1.50").entries["version"].node.text == "1.50"
    assert load("a: 007").entries["a"].node.text == "007"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a: \xc3\xbc", "a: ü"),
        (b"\xef\xbb\xbfa: 1", "a: 1"),
        ("a: ü".encode("utf-16"), "a: ü"),
        (b"\xfe\xff" + "a: ü".encode("utf-16-be"), "a: ü"),
    ],
)
def test_bytes_are_decoded_by_their_mark(data: bytes, text: str) -> None:
    assert decode(data) == text


def test_depth_is_limited_and_the_limit_itself_allowed() -> None:
    assert load("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    with pytest.raises(YamlError, match="nested more than 32"):
        load("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1))


def test_the_number_of_values_is_limited_with_aliases_counted_each_time() -> None:
    ten = "[" + ", ".join("x" * 10) + "]"
    lines = [f"- &a0 {ten}"] + [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(YamlError, match=f"more than {MAX_NODES:,} values") as refused:
        load("\n".join(lines))
    assert refused.value.line == 5
    assert load("\n".join(lines[:4])).weight < MAX_NODES


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system [id]",
        "!!python/name:os.system x",
        "a: !ruby/object:X {}",
        "!!binary aGk=",
        "!!set {a}",
    ],
)
def test_tags_that_ask_for_objects_are_refused(text: str) -> None:
    with pytest.raises(YamlError, match="is not allowed"):
        load(text)


@pytest.mark.parametrize("text", ["!!str 5", "! 5", "'5'", "!!str '5'"])
def test_tags_of_plain_text_give_text(text: str) -> None:
    assert load(text).plain() == "5"


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(YamlError, match="too many digits"):
        load("a: " + "9" * 5000)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=("Cs", "Cc"))),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.sampled_from("abcxyz "), min_size=1), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_what_the_library_writes_is_read_back(value: Any) -> None:
    writer = YAML(typ="safe", pure=True)
    writer.version = (1, 1)
    writer.width = 10**6  # the library may break a line inside a key, which it then cannot read itself
    buffer = io.StringIO()
    writer.dump(value, buffer)
    assert load(buffer.getvalue()).plain() == value


@given(PLAIN)
def test_json_is_yaml(value: Any) -> None:
    assert load(json.dumps(value)).plain() == value


SNIPPETS = st.sampled_from(
    [
        *"abc:-[]{}#&*!|>'\"%@`\n\t ~?,<=.0123",
        "\n  ",
        "\n- ",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "!!int ",
        "---\n",
        "\\x",
        "é",
        "\x85",
    ]
)


@given(st.lists(SNIPPETS, max_size=40).map("".join) | st.text(max_size=100))
@example("%TAG ! tag:x,2000:\n---\na: !b c")
@example("\ufeff")
@example("? ")
@example("a: |9\n b")
@example("%YAML 9.9\n---\n")
@example("!<")
@example('"\\U00110000"')
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        root = load(text)
    except YamlError as problem:
        assert str(problem)
        assert (
            problem.line is None
            or 1
            <= problem.line
            <= text.count("\n")
            + text.count("\x85")
            + text.count("\u2028")
            + text.count("\u2029")
            + text.count("\r")
            + 2
        )
        return
    root.plain()
    assert all(node.line >= 1 and node.column >= 1 for node in root.walk())


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except YamlError as problem:
        assert "UTF-8" in str(problem)


def test_half_of_a_character_is_refused_with_its_place() -> None:
    assert load('"\\ud83d\\ude00"').plain() == "\U0001f600"
    with pytest.raises(YamlError, match="lone surrogate") as refused:
        load('a: "\\ud83d"')
    assert (refused.value.line, refused.value.column) == (1, 4)
