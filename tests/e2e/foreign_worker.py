"""A compute worker of somebody else's: a Celery consumer, written strictly from the description of the protocol.

It knows nothing of Podium. Its container engine is bubblewrap, with the same paths inside as a container's. Settings:
BROKER_URL, HOST_DIRECTORY, WORKER_HOST (the name that it reports). As the description says: program and ingestion run
one after the other, exit codes of the prediction step are not looked at, PUT answers are not looked at, and a socket
that cannot be opened makes a program's exit code 1.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml
from celery import Celery
from websockets.sync.client import connect

app = Celery("compute_worker", broker=os.environ.get("BROKER_URL", ""))
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    worker_concurrency=1,
    task_default_queue="compute-worker",
    task_queue_max_priority=10,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_hijack_root_logger=False,
)
HOST = os.environ.get("WORKER_HOST", "elsewhere")
ROOT = Path(os.environ.get("HOST_DIRECTORY", tempfile.gettempdir()))


class SubmissionError(Exception):
    """The job cannot go on; the text is what the platform is told."""


@app.task(name="compute_worker_run")
def run(run_args: dict[str, Any]) -> None:
    """One job, from the message to the last upload."""
    job = Job(run_args)
    try:
        job.begin()
        job.fetch()
        job.run_programs()
        if job.scoring:
            job.finish_scoring()
        else:
            job.finish_prediction()
    except SubmissionError as error:
        job.patch(status="Failed", status_details=str(error))
        raise
    finally:
        shutil.rmtree(job.root, ignore_errors=True)


class Job:
    """What the worker knows of a job."""

    def __init__(self, args: dict[str, Any]) -> None:
        self.args = args
        self.scoring = bool(args["is_scoring"])
        self.secret = str(args["secret"])
        self.api = args["submissions_api_url"]
        # All of its PUT addresses are read without asking whether they are there.
        step = "scoring" if self.scoring else "prediction"
        names = ("stdout", "stderr", "ingestion_stdout", "ingestion_stderr")
        self.log_urls = {name: args[f"{step}_{name}"] for name in names}
        self.result_url = args["scoring_result"] if self.scoring else args["prediction_result"]
        self.root = Path(tempfile.mkdtemp(prefix=f"uPK-{args['user_pk']}_sID-{args['id']}__", dir=ROOT))
        self.codes: dict[str, int | None] = {"program": None, "ingestion": None}
        self.elapsed: dict[str, float | None] = {"program": None, "ingestion": None}

    def patch(self, **fields: Any) -> None:
        """Form-encoded; nulls are dropped."""
        data = {key: value for key, value in {**fields, "secret": self.secret}.items() if value is not None}
        answer = requests.patch(f"{self.api}/submissions/{self.args['id']}/", data=data, timeout=150)
        if answer.status_code != 200 and fields.get("status") != "Failed":
            raise SubmissionError("Failure updating submission data.")

    def begin(self) -> None:
        step = "scoring" if self.scoring else "ingestion"
        self.patch(status="Running", status_details=f"{step}_hostname-{HOST}")
        if not self.scoring:
            self.patch(status="Preparing", status_details=None)

    def fetch(self) -> None:
        places = {
            "program_data": "program",
            "ingestion_program": "ingestion_program",
            "input_data": "input_data",
            "reference_data": "input/ref",
        }
        if self.scoring:
            places["prediction_result"] = "input/res"
        for key, place in places.items():
            if key in self.args:
                data = self._unpack(self.args[key], self.root / place)
                if key == "program_data" and not self.scoring:
                    self.patch(md5=hashlib.md5(data, usedforsecurity=False).hexdigest())

    def _unpack(self, url: str, folder: Path) -> bytes:
        answer = requests.get(url, timeout=60)
        if not answer.ok:
            raise SubmissionError(f"Problem fetching {url} to put in {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                archive.extractall(folder)
        except zipfile.BadZipFile:
            raise SubmissionError("Bad or empty zip file") from None
        return answer.content

    def run_programs(self) -> None:
        (self.root / "output").mkdir(exist_ok=True)
        (self.root / "shared").mkdir(exist_ok=True)
        limit = time.monotonic() + self.args["execution_time_limit"]
        for kind, folder in (("program", "program"), ("ingestion", "ingestion_program")):
            command = self._command(kind, self.root / folder)
            if command is not None:
                self._run(kind, command, self.root / folder, limit)
        for name in ("detailed_results.html",):
            found = self.root / "output" / name
            if self.scoring and "detailed_results_url" in self.args and found.exists():
                headers = {"Content-Type": "text/html"}
                requests.put(self.args["detailed_results_url"], data=found.read_bytes(), headers=headers, timeout=60)
                self._tell("detailed_results", [{"kind": "detailed_result_update"}])
        if self.scoring and self.codes["program"] != 0:
            self.patch(status="Failed", status_details=f"program_rc={self.codes['program']}, async=[None, None, None]")
            raise SubmissionError("Child task failed or non-zero return code")

    def _command(self, kind: str, folder: Path) -> list[str] | None:
        """The command of a program's metadata; without metadata the folder is the output."""
        if not folder.exists():
            return None
        file = next((folder / name for name in ("metadata.yaml", "metadata") if (folder / name).exists()), None)
        if file is None:
            if kind == "program":
                shutil.copytree(folder, self.root / "output", dirs_exist_ok=True)
            return None
        found = yaml.safe_load(file.read_text())
        command = found.get("command") if isinstance(found, dict) else None
        if not command:
            return None
        for name, place in (
            ("$input", "/app/input_data" if kind == "ingestion" else "/app/input"),
            ("$output", "/app/output"),
            ("$program", "/app/program"),
            ("$ingestion_program", "/app/program"),
            ("$hidden", "/app/input/ref"),
            ("$shared", "/app/shared"),
            ("$submission_program", "/app/ingested_program"),
            ("$tmp", "/app/output"),
            ("$predictions", "/app/input/res" if self.scoring else "/app/output"),
        ):
            command = command.replace(name, place)
        return shlex.split(command)

    def _run(self, kind: str, command: list[str], folder: Path, limit: float) -> None:
        mounts = {"/app/program": folder, "/app/output": self.root / "output"}
        if kind == "ingestion":
            mounts["/app/ingested_program"] = self.root / ("input/res" if self.scoring else "program")
        for path, place in (("/app/input_data", "input_data"), ("/app/input", "input"), ("/app/shared", "shared")):
            if (self.root / place).exists():
                mounts[path] = self.root / place
        argv = ["bwrap", "--unshare-all", "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        for path in ("/usr", "/bin", "/lib", "/lib64"):
            argv += ["--ro-bind", path, path] if not Path(path).is_symlink() else []
            argv += ["--symlink", str(Path(path).readlink()), path] if Path(path).is_symlink() else []
        for path, place in mounts.items():
            argv += ["--bind", str(place), path]
        started = time.monotonic()
        process = subprocess.Popen(
            [*argv, "--chdir", "/app/program", "--setenv", "PYTHONUNBUFFERED", "1", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, err = self._stream(kind, process, limit)
            self.codes[kind] = process.wait()
        except OSError:
            process.kill()
            out, err = process.communicate()
            self.codes[kind] = 1
        self.elapsed[kind] = time.monotonic() - started
        prefix = "ingestion_" if kind == "ingestion" else ""
        for name, content in (("stdout", out), ("stderr", err)):
            if content:
                self._put(self.log_urls[prefix + name], content)

    def _stream(self, kind: str, process: subprocess.Popen[bytes], limit: float) -> tuple[bytes, bytes]:
        """Chunks of stdout as they come, then stderr: the live stream does not tell them apart."""
        assert process.stdout is not None
        assert process.stderr is not None
        seen = b""
        with connect(self._socket_url(kind)) as socket:
            while chunk := os.read(process.stdout.fileno(), 4096):
                seen += chunk
                socket.send(json.dumps({"kind": kind, "message": chunk.decode(errors="replace")}))
                if time.monotonic() > limit:
                    process.kill()
                    text = f"Execution Time Limit exceeded. Limit was {self.args['execution_time_limit']} seconds"
                    raise SubmissionError(text)
            errors = process.stderr.read()
            if errors:
                socket.send(json.dumps({"kind": kind, "message": errors.decode(errors="replace")}))
        return seen, errors

    def _tell(self, kind: str, frames: list[dict[str, Any]]) -> None:
        with connect(self._socket_url(kind)) as socket:
            for frame in frames:
                socket.send(json.dumps(frame))

    def _socket_url(self, kind: str) -> str:
        url = urlsplit(self.api)
        scheme = "wss" if url.scheme == "https" else "ws"
        path = f"/submission_input/{self.args['user_pk']}/{self.args['id']}/{self.secret}/"
        return f"{scheme}://{url.netloc}{path}?kind={kind}"

    def _put(self, url: str, content: bytes) -> None:
        requests.put(url, data=content, headers={"Content-Type": "application/zip"}, timeout=60)

    def finish_prediction(self) -> None:
        self.patch(status="Scoring")
        self._put_output()

    def finish_scoring(self) -> None:
        self.patch(status="Finished")
        output = self.root / "output"
        if (output / "scores.json").exists():
            try:
                scores = json.loads((output / "scores.json").read_text())
            except ValueError as error:
                text = f"Could not decode scores json properly, it contains an error.\n{error}"
                raise SubmissionError(text) from None
        elif (output / "scores.txt").exists():
            scores = yaml.safe_load((output / "scores.txt").read_text())
        else:
            raise SubmissionError("Could not find scores file, did the scoring program output it?")
        body = {"secret": self.secret, "scores": scores}
        requests.post(f"{self.api}/upload_submission_scores/{self.args['id']}/", json=body, timeout=60)
        self._put_output()

    def _put_output(self) -> None:
        output = self.root / "output"
        if (output / "metadata").exists() and self.codes["program"] is not None:
            raise SubmissionError("Error, the output directory already contains a metadata file.")
        elapsed = self.elapsed["program"] if self.elapsed["program"] is not None else self.elapsed["ingestion"]
        facts = {
            "exitCode": self.codes["program"],
            "elapsedTime": elapsed,
            "ingestionExitCode": self.codes["ingestion"],
            "ingestionElapsedTime": self.elapsed["ingestion"],
        }
        (output / "metadata").write_text(yaml.safe_dump(facts))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(output.rglob("*")):
                archive.write(path, path.relative_to(output))
        self._put(self.result_url, buffer.getvalue())


if __name__ == "__main__":
    app.worker_main(["worker", "-l", "info", "-Q", "compute-worker", "-n", f"compute-worker@{HOST}"])
