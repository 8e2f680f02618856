"""The detailed results: one HTML page without scripts or outside files, its figure an inline SVG."""

from html import escape

CELL = 44
LEFT, TOP = 110, 34

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; --ink: #1c2330; --line: #c9ced8; --mark: 15, 110, 110; }}
  @media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8ebf1; --line: #444c5a; --mark: 70, 190, 180; }} }}
  body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--ink); margin: 1.5rem; }}
  svg {{ max-width: 100%; height: auto; }}
  svg text {{ fill: var(--ink); font-size: 13px; }}
  svg rect {{ stroke: var(--line); }}
  table {{ border-collapse: collapse; }}
  th, td {{ border-bottom: 1px solid var(--line); padding: .25rem .75rem; text-align: right; }}
  th:first-child, td:first-child {{ text-align: left; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Accuracy {accuracy:.4f}, F1 (macro) {f1:.4f}, {rows} test rows.</p>
<h2>Which label was taken for which</h2>
{figure}
<h2>By label</h2>
<table>
<thead>
<tr><th scope="col">Label</th><th scope="col">Test rows</th><th scope="col">Right</th><th scope="col">F1</th></tr>
</thead>
<tbody>
{table}
</tbody>
</table>
</body>
</html>
"""


def report(title, classes, counts, per_label, scores):
    """Return the page for one table.

    `counts` has one row per true label and one column per answer, both in the order of `classes`; `per_label` is the F1
    score of each.
    """
    rows = [
        f"<tr><td>{escape(label)}</td><td>{sum(counts[i])}</td><td>{counts[i][i]}</td><td>{per_label[i]:.3f}</td></tr>"
        for i, label in enumerate(classes)
    ]
    return PAGE.format(
        title=escape(title),
        accuracy=scores["accuracy"],
        f1=scores["f1"],
        rows=sum(map(sum, counts)),
        figure=figure(classes, counts),
        table="\n".join(rows),
    )


def figure(classes, counts):
    """Return the table of counts as a picture: the darker a cell, the larger its share of the row."""
    side = CELL * len(classes)
    parts = [
        f'<svg viewBox="0 0 {LEFT + side + 2} {TOP + side + 2}" width="{LEFT + side + 2}" role="img" '
        'aria-label="Counts of true labels (rows) against answers (columns)">'
    ]
    for i, label in enumerate(classes):
        middle = CELL * i + CELL // 2
        parts.append(_text(LEFT - 8, TOP + middle + 5, "end", label))
        parts.append(_text(LEFT + middle, TOP - 10, "middle", label if len(label) <= 4 else label[:3] + "."))
    for i, row in enumerate(counts):
        total = max(1, sum(row))
        for j, number in enumerate(row):
            parts.append(
                f'<rect x="{LEFT + CELL * j}" y="{TOP + CELL * i}" width="{CELL}" height="{CELL}" '
                f'style="fill: rgba(var(--mark), {0.6 * number / total:.3f})"/>'
            )
            if number:
                x, y = LEFT + CELL * j + CELL // 2, TOP + CELL * i + CELL // 2 + 5
                parts.append(_text(x, y, "middle", str(number)))
    return "\n".join([*parts, "</svg>"])


def _text(x, y, anchor, text):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
