"""Scoring programs need not be Python: whatever language the environment has runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.formats.bundle import check_bundle

from .building import RESULT, TRUTH, Sample, Shape, zipped
from .catalogue import SHAPES
from .test_runs import run, sandbox

__all__ = ["sandbox"]
pytestmark = pytest.mark.bwrap

PROGRAMS = {
    "sh": {
        "metadata": "command: sh $program/s.sh $hidden/truth $predictions/answer $output\n",
        "s.sh": "right=$(cat $1 $2 | awk 'NR == 1 {split($0, t)} NR == 2 {for (i = 1; i <= NF; i++) n += $i == t[i]}"
        " END {print n / 4}')\n"
        'echo "correct: $right" > $3/scores.txt\n',
    },
    "a command in the metadata": {
        "metadata": "command: sh -c 'test -s $predictions/answer && echo correct:0.75 > $output/scores.txt'\n"
    },
    "awk": {
        "metadata": "command: awk -f $program/s.awk $hidden/truth $predictions/answer\n",
        "s.awk": "FNR == NR { split($0, truth); next }\n"
        "{ for (i = 1; i <= NF; i++) right += $i == truth[i] }\n"
        'END { print "correct: " right / NF > "/app/output/scores.txt" }\n',
    },
    "perl": {
        "metadata": "command: perl $program/s.pl $hidden $predictions $output\n",
        "s.pl": "my ($ref, $res, $out) = @ARGV;\n"
        "sub words { open(my $file, '<', $_[0]) or die $!; return split ' ', <$file>; }\n"
        'my @truth = words("$ref/truth"); my @given = words("$res/answer"); my $right = 0;\n'
        "for my $i (0 .. $#truth) { $right++ if $truth[$i] eq $given[$i]; }\n"
        "open(my $file, '>', \"$out/scores.txt\") or die $!;\n"
        'print $file "correct: " . $right / @truth . "\\n";\n',
    },
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_scoring_program_of_another_language_scores(language: str, sandbox: object, tmp_path: Path) -> None:
    old = SHAPES["yellow-world"]
    files = {**old.files, "program.zip": zipped(PROGRAMS[language]), "reference.zip": zipped(TRUTH)}
    shape = Shape(like=language, yaml=old.yaml, files=files)
    assert check_bundle(shape.zip(tmp_path)).faults == ()
    _, (done,) = run(shape, Sample(files=RESULT), sandbox, tmp_path)  # type: ignore[arg-type]
    assert done.result.failure is None
    assert done.result.scores["correct"].value == 0.75


def test_a_language_that_is_not_there_is_named(sandbox: object, tmp_path: Path) -> None:
    old = SHAPES["yellow-world"]
    program = {"metadata": "command: no-such-language $program/s.x\n", "s.x": "1\n"}
    shape = Shape(like="", yaml=old.yaml, files={**old.files, "program.zip": zipped(program)})
    _, (done,) = run(shape, Sample(files=RESULT), sandbox, tmp_path)  # type: ignore[arg-type]
    assert done.result.failure is not None
    assert "its command was not found" in done.result.failure.message
