"""Shapes of the bundles that CodaLab's developers kept: the oldest and oddest, several of which never worked."""

# ruff: noqa: E501 - lines of YAML as people write them

from __future__ import annotations

from typing import Final

from podium.protocol import Cause

from .building import (
    CODE,
    LINKS,
    NO_VERSION,
    OLD_LOOK,
    OLD_SCORING,
    OVER,
    PUT,
    QUESTION,
    RANKS,
    RESULT,
    RUNS,
    TRUTH,
    Sample,
    Shape,
    Tree,
    crlf,
    inside,
    share,
    zipped,
)
from .codalab import OLD_INGESTION

_HISTORY_SCORING: Tree = {
    "metadata": "command: python $program/evaluate.py $input $output\n",
    "evaluate.py": "import os, sys\n"
    "given, output = sys.argv[1:]\n" + share("given + '/ref'", "given + '/res'") + "earlier = []\n"
    "for top, _, files in os.walk(given + '/history'):\n"
    "    if 'scores.txt' in files:\n"
    "        earlier.append(float(open(top + '/scores.txt').read().split(':')[1]))\n"
    "os.mkdir(output + '/private')\n"
    "open(output + '/private/priv.txt', 'w').write('audit = %s' % share)\n"
    "out = open(output + '/scores.txt', 'w')\n"
    "out.write('correct:%s\\nbest_before:%s\\n' % (share, max(earlier, default=0.0)))\n",
}
HISTORY: Final = Shape(
    like="hello_world_with_history: looks for earlier scores, writes something for organizers only",
    yaml="""\
title: Hello World with history
image: logo.jpg
html: {overview: overview.html, terms: terms.html}
phases:
  1: {phasenumber: 1, label: First, start_date: 2013-06-30, scoring_program: program.zip, reference_data: reference.zip}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: Results, rank: 1}}
  columns:
    correct: {leaderboard: *RESULTS, label: Correct, rank: 1}
    best_before: {leaderboard: *RESULTS, label: Best before, rank: 2}
""",
    files={**OLD_LOOK, "reference.zip": zipped(TRUTH), "program.zip": zipped(_HISTORY_SCORING)},
    phases=["First: 2013-06-30 00:00 to open, First Task -> RESULTS"],
    columns=["correct desc", "best_before desc"],
    facts={"history": True},
    samples={
        "results": Sample(
            files=RESULT, scores={"correct": 0.75, "best_before": 0}, private={"priv.txt": "audit = 0.75"}
        )
    },
)
HISTORY_WITHOUT_PROGRAMS: Final = Shape(
    like="hello_world_with_history, BRaTS, cause-effect as folders: the zips of programs and data are not there",
    faults=[
        f'5:78 error Unable to find scoring program: "program.zip" is not in the bundle. {PUT.capitalize()}',
        f'5:107 error Unable to find reference data: "reference.zip" is not in the bundle. {PUT.capitalize()}',
    ],
    yaml=HISTORY.yaml,
    files=OLD_LOOK,
)

_KEY = "{0}b0a9d5d-7a36-4c1e-9d0a-000000000000"
KEYS: Final = Shape(
    like="hello_world_using_pre-uploaded_datasets: keys of datasets, anchors as a program writes them, microseconds",
    yaml=f"""\
title: Hello World, uploaded before
image: logo.jpg
html: {{overview: overview.html, terms: terms.html}}
phases:
  0:
    phasenumber: 0
    label: First
    start_date: 2013-06-30 12:34:56.789012
    scoring_program: {_KEY.format(1)}
    reference_data: {_KEY.format(2)}
leaderboard:
  leaderboards:
    RESULTS: &id001 {{label: Results, rank: 1}}
  columns:
    correct: {{leaderboard: *id001, label: Correct, rank: 1}}
""",
    files=OLD_LOOK,
    phases=["First: 2013-06-30 12:34:56.789012 to open, First Task -> RESULTS"],
    columns=["correct desc"],
    refused=f'Cannot find scoring_program with key: "{_KEY.format(1)}"',
    elsewhere=f"The dataset {_KEY.format(1)} is on a platform",
    samples={"results": Sample(files=RESULT)},
)

_PISANO = """\
title: Pisano period
description: Written as version 2, which it does not say
image: logo.jpg
docker_image: codalab/codalab-legacy:py37
pages:
- {title: Overview, file: overview.html}
tasks:
- {index: 0, name: Pisano, scoring_program: scoring_program, ingestion_program: ingestion_program}
phases:
- {index: 0, name: Only, start: 2024-01-01, tasks: [0]}
leaderboards:
- title: Results
  key: main
  columns: [{title: Time, key: time, index: 0, sorting: asc}]
"""
_PISANO_FILES: Tree = (
    OLD_LOOK
    | inside("scoring_program", {"metadata": "command: python3 s.py\n", "s.py": "open('/app/input/solution.py')\n"})
    | inside("ingestion_program", {"metadata": "command: python3 i.py\n", "i.py": "open('/app/output/solution.py')\n"})
)
PISANO: Final = Shape(
    faults=[
        f"1:1 warning {NO_VERSION}",
        "1:1 error The competition has no terms of participation. Add a line such as: terms: terms.md",
    ],
    like="pisano_period: keys of version 2 without a version, no terms",
    yaml=_PISANO,
    files=_PISANO_FILES,
)
PISANO_WITH_TERMS: Final = Shape(
    like="pisano_period with terms: programs for folders that no platform has",
    faults=[f"1:1 warning {NO_VERSION}"],
    yaml=_PISANO.replace("pages:", "terms: terms.html\npages:"),
    files=_PISANO_FILES,
    phases=["Only: 2024-01-01 00:00 to open, Pisano -> main"],
    columns=["time asc"],
    samples={
        "code": Sample(files=CODE, cause=Cause.EXIT_CODE, words="The ingestion program ended with exit code 1"),
        "results": Sample(files=RESULT, cause=Cause.SCORER_FAILED, words="The scoring program ended with exit code 1"),
    },
)

TEST_COMPETITION: Final = Shape(
    like="test_competition: a phase of results and one of code, a computed column, more pages, pictures of its own",
    faults=[f"15:7 warning {LINKS}", f"20:17 warning {RANKS}"],
    yaml="""\
title: Test competition
image: logo.jpg
end_date: 2050-01-01
competition_docker_image: continuumio/anaconda:latest
html:
  overview: overview.html
  p1: p1.html
  p2: p2.html
  terms: terms.html
phases:
  1: {phasenumber: 1, label: Results, start_date: 2016-06-23, is_scoring_only: True, scoring_program: program.zip,
      reference_data: reference.zip, max_submissions: 1000}
  2: {phasenumber: 2, label: Code, start_date: 2016-06-24, is_scoring_only: False, scoring_program: program.zip,
      ingestion_program: ingestion.zip, input_data: input.zip, reference_data: reference.zip,
      datasets: {1: {name: Input, key: input, url: "http://example.org/input.zip"}}}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: RESULTS, rank: 1}}
  columns:
    ave_score: {leaderboard: *RESULTS, label: "<Rank>", rank: 1, sort: asc,
                computed: {operation: Avg, fields: "set1_score, set2_score"}}
    set1_score: {leaderboard: *RESULTS, label: Set 1, numeric_format: 4, rank: 2}
    set2_score: {leaderboard: *RESULTS, label: Set 2, numeric_format: 4, rank: 3}
""",
    files={
        **OLD_LOOK,
        "p1.html": '<p>See <img src="{{ ASSET_BASE_URL }}/plot.png" alt="the plot"></p>\n',
        "p2.html": "<p>Two</p>\n",
        "assets/plot.png": OLD_LOOK["logo.jpg"],
        "input.zip": zipped(QUESTION),
        "reference.zip": zipped(TRUTH),
        "ingestion.zip": zipped(OLD_INGESTION),
        "program.zip": zipped(
            {
                "metadata": "command: python $program/score.py $input $output\n",
                "score.py": "import os, sys\n"
                "share = float('nan')\n"
                "if os.path.exists(sys.argv[1] + '/res/answer'):\n    "
                + share("sys.argv[1] + '/ref'", "sys.argv[1] + '/res'").rstrip().replace("\n", "\n    ")
                + "\nout = open(sys.argv[2] + '/scores.txt', 'w')\n"
                "out.write('set1_score: %s\\nset2_score: %s\\n' % (share, share / 2))\n",
            }
        ),
    },
    phases=[
        "Results: 2016-06-23 00:00 to 2016-06-24 00:00, Results Task -> RESULTS",
        "Code: 2016-06-24 00:00 to 2050-01-01 00:00, Code Task -> RESULTS",
    ],
    columns=["ave_score desc = avg set1_score set2_score", "set1_score desc", "set2_score desc"],
    samples={
        "results": Sample(
            files=RESULT, scores={"set1_score": 0.75, "set2_score": 0.375}, computed={"ave_score": 0.5625}
        ),
        "code": Sample(files=CODE, phase=1, scores={"set1_score": 1, "set2_score": 0.5}, computed={"ave_score": 0.75}),
        "nothing": Sample(
            files={"readme": "none yet"}, cause=Cause.BAD_SCORES, words='"set1_score" is not a number (NaN)'
        ),
    },
)

COOPETITION: Final = Shape(
    like="coopetition: a byte order mark, Windows line ends, four phases, keys of datasets beside files",
    faults=[f"12:61 warning {RANKS}"],
    yaml="\ufeff"
    + f"""\
title: Hackathon
image: logo.jpg
html: {{overview: overview.html, terms: terms.html}}
phases:
  1: {{phasenumber: 1, label: One, start_date: 2016-07-01, scoring_program: program.zip, reference_data: {_KEY.format(3)}}}
  2: {{phasenumber: 2, label: Two, start_date: 2016-07-02, scoring_program: program.zip, reference_data: {_KEY.format(3)}}}
  3: {{phasenumber: 3, label: Three, start_date: 2016-07-03, scoring_program: program.zip, reference_data: {_KEY.format(3)}}}
  4: {{phasenumber: 4, label: Four, start_date: 2016-07-04, scoring_program: program.zip, reference_data: reference.zip}}
leaderboard:
  leaderboards: {{RESULTS: &RESULTS {{label: RESULTS, rank: 1}}}}
  columns:
    Ave: {{leaderboard: *RESULTS, label: Mean rank, rank: 1, computed: {{operation: Avg, fields: "correct"}}}}
    correct: {{leaderboard: *RESULTS, label: Set 1, rank: 2}}
""".replace("\n", "\r\n"),
    files={**OLD_LOOK, "program.zip": zipped(crlf(OLD_SCORING)), "reference.zip": zipped(TRUTH)},
    phases=[
        "One: 2016-07-01 00:00 to 2016-07-02 00:00, One Task -> RESULTS",
        "Two: 2016-07-02 00:00 to 2016-07-03 00:00, Two Task -> RESULTS",
        "Three: 2016-07-03 00:00 to 2016-07-04 00:00, Three Task -> RESULTS",
        "Four: 2016-07-04 00:00 to open, Four Task -> RESULTS",
    ],
    columns=["Ave desc = avg correct", "correct desc"],
    refused=f'Cannot find reference_data with key: "{_KEY.format(3)}"',
    samples={"results": Sample(files=RESULT, phase=3, scores={"correct": 0.75}, computed={"Ave": 0.75})},
)

_VIDEO = """\
title: See the future
image: logo.jpg
end_date: 2050-01-01
html: {overview: overview.html, terms: terms.html}
phases:
  1: {phasenumber: 1, label: One, start_date: 2017-01-01, execution_time_limit: 42200, scoring_program: program.zip,
      reference_data: reference.zip}
  2: {phasenumber: 2, label: Two, start_date: 2018-01-01, execution_time_limit: 42200, scoring_program: program.zip,
      reference_data: reference.zip}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: RESULTS, rank: 1}}
  columns: {rmse: {leaderboard: *RESULTS, label: RMSE, rank: 1, sort: asc, numeric_format: 4}}
"""
VIDEO: Final = Shape(
    like="video_forecasting: the scoring program imports what was submitted, and writes beside it",
    faults=[f"6:105 warning {RUNS}", f"8:105 warning {RUNS}"],
    yaml=_VIDEO,
    files={
        **OLD_LOOK,
        "reference.zip": zipped({**TRUTH, **QUESTION}),
        "program.zip": zipped(
            {
                "metadata": "command: python $program/score.py $input $output\n",
                "score.py": "import os, sys\n"
                "given, output = sys.argv[1:]\n"
                "sys.path.append(os.path.join(given, 'res'))\n"
                "import model\n"
                "truth = open(given + '/ref/truth').read().split()\n"
                "answer = model.answer(open(given + '/ref/question').read().split())\n"
                "open(given + '/res/cache', 'w').write(repr(answer))\n"
                "off = sum(a != b for a, b in zip(truth, answer)) / 4.0\n"
                "open(output + '/scores.txt', 'w').write('rmse: %s\\n' % off)\n",
            }
        ),
    },
    phases=[
        "One: 2017-01-01 00:00 to 2018-01-01 00:00, One Task -> RESULTS",
        "Two: 2018-01-01 00:00 to 2050-01-01 00:00, Two Task -> RESULTS",
    ],
    columns=["rmse asc"],
    samples={"code that the scoring program runs": Sample(files={"model.py": CODE["model.py"]}, scores={"rmse": 0})},
)
VIDEO_THAT_NEVER_WAS: Final = Shape(
    like="video_forecasting_w_docker: its end lies before the start of all its phases",
    faults=[
        '3:11 error The competition ends (2016-01-01 00:00:00 UTC) before its phase "Two" starts. Correct end_date, or remove it for a competition without end; dates are in UTC.',
        f"3:11 warning {OVER}",
        f"6:105 warning {RUNS}",
        f"8:105 warning {RUNS}",
    ],
    yaml=_VIDEO.replace("2050-01-01", "2016-01-01"),
    files=VIDEO.files,
)

SPINE: Final = Shape(
    like="spine: a program of Windows, keys of columns with blanks",
    faults=[f"11:12 warning {RANKS}"],
    yaml="""\
title: Spine localization
image: logo.jpg
html: {overview: overview.html, terms: terms.html}
phases:
  1: {phasenumber: 1, label: Training, start_date: 2014-01-01, scoring_program: program.zip, reference_data: reference.zip}
  2: {phasenumber: 2, label: Test, start_date: 2014-08-01, scoring_program: program.zip, reference_data: reference.zip}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: RESULTS, rank: 1}}
  columns:
    Rank: {leaderboard: *RESULTS, label: Rank, rank: 1, sort: asc,
           computed: {operation: Avg, fields: "Mean Error,Std Error"}}
    Mean Error: {leaderboard: *RESULTS, label: Mean error, rank: 2, sort: asc}
    Std Error: {leaderboard: *RESULTS, label: Deviation, rank: 3, sort: asc}
""".replace("\n", "\r\n"),
    files={
        **OLD_LOOK,
        "reference.zip": zipped(TRUTH),
        "program.zip": zipped(
            {
                "metadata": "command: $program/SpineLocalizationEvaluate.exe $input $output\r\n",
                "SpineLocalizationEvaluate.exe": b"MZ\x90\0\3\0\0\0",
            }
        ),
    },
    phases=[
        "Training: 2014-01-01 00:00 to 2014-08-01 00:00, Training Task -> RESULTS",
        "Test: 2014-08-01 00:00 to open, Test Task -> RESULTS",
    ],
    columns=["Rank asc = avg Mean Error Std Error", "Mean Error asc", "Std Error asc"],
    samples={"results": Sample(files=RESULT, cause=Cause.SCORER_FAILED, words="cannot be executed")},
)

_BRATS = """\
title: Brain tumours
image: logo.jpg
html: {overview: overview.html, terms: terms.html}
phases:
  1: {phasenumber: 1, label: Training, start_date: 2012-7-1, scoring_program: program.zip, reference_data: reference}
  2: {phasenumber: 2, label: Challenge, start_date: 2012-10-1, scoring_program: program.zip, reference_data: reference}
leaderboard:
  leaderboards:
    PATIENTS: &PATIENTS {label: Patients, rank: 1}
    SYNTHETIC: &SYNTHETIC {label: Synthetic, rank: 2}
  column_groups:
    DICE: &DICE {label: Dice}
    SPEED: &SPEED {label: Speed}
  columns:
    synthetic_dice: {leaderboard: *SYNTHETIC, label: Dice, rank: 1, column_group: *DICE}
    Rank: {leaderboard: *PATIENTS, label: Rank, rank: 1, computed: {operation: Avg, fields: [correct, seconds]}}
    correct: {leaderboard: *PATIENTS, label: Dice, rank: 2, column_group: *DICE, selection_default: 1}
    seconds: {leaderboard: *PATIENTS, label: Time, rank: 3, sort: asc, column_group: *SPEED}
"""
BRATS: Final = Shape(
    like="BRaTS: two boards, groups of columns, dates that YAML takes for text, metadata that is a sentence",
    faults=[
        '8:3 warning A phase has one leaderboard; the columns of "Patients", "Synthetic" stand on one, under these headings. To rank by something else in a phase, write the file as version 2.',
        '16:58 warning "Rank" is computed from columns of which some are better when larger and others when smaller. CodaLab takes their ranks; of scores it would say nothing, so it is hidden, and "correct" ranks. Let the scoring program write one score to rank by, as a column of its own.',
    ],
    yaml=_BRATS,
    files={
        **OLD_LOOK,
        **inside("reference", {**TRUTH, "metadata": "This is the authoritative result."}),
        "program.zip": zipped(
            {
                **OLD_SCORING,
                "evaluate.py": str(OLD_SCORING["evaluate.py"]).replace(
                    "correct:%s\\n' % share", "correct:%s\\nsynthetic_dice:%s\\nseconds:3\\n' % (share, share / 2)"
                ),
            }
        ),
    },
    phases=[
        "Training: 2012-07-01 00:00 to 2012-10-01 00:00, Training Task -> PATIENTS",
        "Challenge: 2012-10-01 00:00 to open, Challenge Task -> PATIENTS",
    ],
    columns=[
        "Rank desc = avg correct seconds (Patients)",
        "correct desc (Patients: Dice)",
        "seconds asc (Patients: Speed)",
        "synthetic_dice desc (Synthetic: Dice)",
    ],
    samples={
        "results": Sample(
            files=RESULT,
            scores={"correct": 0.75, "synthetic_dice": 0.375, "seconds": 3},
        )
    },
)

NO_TERMS: Final = Shape(
    like="BeatAutoSKLEARN: the file of the terms is missing",
    faults=[
        f'3:40 error Unable to find page: "terms.html" is not in the bundle. Did you mean "overview.html"? If not, {PUT}'
    ],
    yaml=HISTORY.yaml,
    files={name: content for name, content in HISTORY.files.items() if name != "terms.html"},
)
CAUSE_EFFECT: Final = Shape(
    like="cause-effect: keys of columns with blanks, no ranks, labels in angle brackets, a list of phases",
    yaml="""\
title: Cause and effect
image: logo.jpg
html: {overview: overview.html, terms: terms.html}
phases:
  1: {label: Only, start_date: 2013-03-01, scoring_program: program.zip, reference_data: reference.zip}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: RESULTS}}
  columns:
    correct: {leaderboard: *RESULTS, label: <Score>}
    Bidirectional AUC: {leaderboard: *RESULTS, label: <AUC>}
""",
    files={
        **OLD_LOOK,
        "reference.zip": zipped(TRUTH),
        "program.zip": zipped(
            {
                **OLD_SCORING,
                "evaluate.py": str(OLD_SCORING["evaluate.py"]).replace(
                    "correct:%s\\n' % share", "correct:%s\\nBidirectional AUC: %s\\n' % (share, share)"
                ),
            }
        ),
    },
    phases=["Only: 2013-03-01 00:00 to open, Only Task -> RESULTS"],
    columns=["correct desc", "Bidirectional AUC desc"],
    samples={"results": Sample(files=RESULT, scores={"correct": 0.75, "Bidirectional AUC": 0.75})},
)

SHAPES: Final = {
    "history": HISTORY,
    "history-without-programs": HISTORY_WITHOUT_PROGRAMS,
    "keys": KEYS,
    "pisano": PISANO,
    "pisano-with-terms": PISANO_WITH_TERMS,
    "test-competition": TEST_COMPETITION,
    "coopetition": COOPETITION,
    "video": VIDEO,
    "video-that-never-was": VIDEO_THAT_NEVER_WAS,
    "spine": SPINE,
    "brats": BRATS,
    "no-terms": NO_TERMS,
    "cause-effect": CAUSE_EFFECT,
}
