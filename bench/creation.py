"""A competition from a bundle with 100 MB of data: from the first request of the upload until Finished."""

from __future__ import annotations

import io
import random
import tempfile
import time
import zipfile
from pathlib import Path

from bench.common import Up, platform, report, spread, trivial_bundle

MEGABYTES, FILES, ROUNDS = 100, 20, 3


def _folder(folder: Path) -> Path:
    """The trivial bundle as a folder, with reference data to be."""
    bundle = trivial_bundle(folder, "codalab/codalab-legacy:py37")
    text = (bundle / "competition.yaml").read_text()
    name = '"scoring_program": "scoring_program"'
    (bundle / "competition.yaml").write_text(text.replace(name, f'{name}, "reference_data": "DATA"'))
    return bundle


def _bundle(work: Path, *, nested: bool) -> Path:
    bundle = _folder(work / ("nested" if nested else "folder"))
    yaml = bundle / "competition.yaml"
    yaml.write_text(yaml.read_text().replace("DATA", "reference_data.zip" if nested else "reference_data"))
    target = bundle.with_suffix(".zip")
    noise = random.Random(1)
    header = b"\x93NUMPY\x01\x00".ljust(128)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(bundle.rglob("*")):
            archive.write(path, path.relative_to(bundle))
        arrays = {f"{n}.npy": header + noise.randbytes(MEGABYTES * 1_000_000 // FILES) for n in range(FILES)}
        if nested:
            inner = io.BytesIO()
            with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as second:
                for name, content in arrays.items():
                    second.writestr(name, content)
            archive.writestr("reference_data.zip", inner.getvalue(), zipfile.ZIP_STORED)
        else:
            for name, content in arrays.items():
                archive.writestr(f"reference_data/{name}", content)
    return target


def measure(up: Up, bundle: Path) -> list[float]:
    """Seconds of several uploads of a bundle."""
    client = up.administrator()
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        status_id = client.upload_bundle(bundle)
        while not (seen := client.creation_status(status_id)).ended:
            time.sleep(0.02)
        took.append(time.perf_counter() - began)
        assert seen.status == "Finished", seen
    client.close()
    return took


def main() -> None:
    rows, figures = [], {}
    with tempfile.TemporaryDirectory() as work, platform() as up:
        for nested, name in ((False, "a folder of arrays"), (True, "a nested zip")):
            seconds = spread(measure(up, _bundle(Path(work), nested=nested)))
            shown = f"{seconds['median']:.2f} s ({seconds['min']:.2f} to {seconds['max']:.2f})"
            rows.append((f"Upload to Finished, {MEGABYTES} MB as {name}", shown, "< 2.5 s"))
            figures[name] = seconds
    report("creation", rows, {"seconds": figures})


if __name__ == "__main__":
    main()
