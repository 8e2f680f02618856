"""Whatever place a secret is put in, it does not come out of the log."""

from __future__ import annotations

import io
import json
import logging
import string
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.logs import HIDDEN, hide, logging_config, redact_text
from podium.logs.redaction import _known, redact_value
from podium.logs.setup import StderrHandler

FORMATS = ["console", "json"]
_TOKENS = st.text(string.ascii_letters + string.digits + "-_", min_size=24, max_size=60).map(lambda text: f"Zq{text}")
_PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=10, max_size=30).map(
    lambda text: f"Zq{text}"
)

BY_SHAPE: dict[str, Callable[[str], str]] = {
    "bearer": lambda s: f"Authorization: Bearer {s}",
    "bearer alone": lambda s: f"sent bearer {s}, refused",
    "API token": lambda s: f"Token {s}",
    "basic": lambda s: f"authorization=Basic {s}",
    "header pair": lambda s: repr((b"authorization", f"Token {s}".encode())),
    "cookie": lambda s: f"Cookie: theme=dark; podium_session={s}; other={s}",
    "session in text": lambda s: f"the podium_session={s} of somebody",
    "signed file": lambda s: f"GET http://127.0.0.1:8000/files/{s} failed",
    "signed file with query": lambda s: f"/files/{s}?download=1",
    "S3": lambda s: f"https://s3/b/k?X-Amz-Credential={s}&X-Amz-Signature={s}&x=1",
    "Azure": lambda s: f"https://a/b?sv=1&sig={s}",
    "secret link": lambda s: f"/competitions/3/?secret_key={s}&page=2",
    "address with password": lambda s: f"amqp://podium:{s}@rabbit:5672/v",
    "address with token": lambda s: f"https://{s}@git.example.org/x",
    "JSON": lambda s: json.dumps({"password": s, "deep": {"worker_token": s}}),
    "JSON in JSON": lambda s: json.dumps(json.dumps({"password": s})),
    "repr": lambda s: repr({"api_key": s, "list": [{"client_secret": s}]}),
    "form": lambda s: f"username=pat&password={s}&next=/",
    "worker of Codabench": lambda s: f"/submission_input/1/22/{s}/?kind=ingestion",
    "password reset": lambda s: f"Not Found: /accounts/password/reset/key/{s}/",
    "confirmation": lambda s: f"/accounts/confirm-email/{s}/",
}


class Trap:
    """Logs into a text, in the format and by the code that all processes use."""

    def __init__(self, log_format: Any) -> None:
        self.text = io.StringIO()
        config = logging_config(log_format)
        factory = config["formatters"]["structured"]
        formatter = factory.pop("()")(
            **{"foreign_pre_chain": factory["foreign_pre_chain"], "processors": factory["processors"]}
        )
        self.handler = StderrHandler(self.text)
        self.handler.setFormatter(formatter)
        self.standard = logging.getLogger("tests.redaction")
        self.standard.handlers, self.standard.propagate = [self.handler], False
        self.structured = structlog.wrap_logger(
            self.standard,
            processors=structlog.get_config()["processors"],
            wrapper_class=structlog.stdlib.BoundLogger,
        )

    def lines(self) -> str:
        return self.text.getvalue()


@pytest.fixture(autouse=True)
def _forget_what_is_known() -> Iterator[None]:
    yield
    with _known._lock:
        _known._values.clear()
        _known._pattern = None


def _raised(text: str, log: Callable[..., None]) -> None:
    try:
        try:
            empty: dict[str, int] = {}
            empty[text] += 1
        except KeyError as inner:
            raise ValueError(f"outer {text}") from inner
    except ValueError:
        log("went wrong", exc_info=True)


class Talkative:
    """An object whose own description says too much."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Talkative({self.text})"


PLACES: dict[str, Callable[[Trap, str], None]] = {
    "message": lambda t, s: t.standard.warning(s),
    "argument of the message": lambda t, s: t.standard.warning("it was %s", s),
    "structured message": lambda t, s: t.structured.warning(s),
    "field": lambda t, s: t.structured.warning("it", what=s),
    "extra": lambda t, s: t.standard.warning("it", extra={"what": s}),
    "nested": lambda t, s: t.structured.warning("it", what={"a": [1, {"b": (s, {s})}]}),
    "bytes": lambda t, s: t.structured.warning("it", what=s.encode()),
    "object": lambda t, s: t.structured.warning("it", what=Talkative(s)),
    "key": lambda t, s: t.structured.warning("it", what={s: 1}),
    "exception": lambda t, s: _raised(s, t.standard.error),
    "exception of a structured line": lambda t, s: _raised(s, t.structured.error),
    "line that cannot be made": lambda t, s: t.standard.warning("%d", s),
}


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("shape", BY_SHAPE)
@settings(max_examples=8, deadline=None)
@given(secret=_TOKENS)
def test_a_secret_that_is_told_by_its_shape_never_comes_out(log_format: str, shape: str, secret: str) -> None:
    trap = Trap(log_format)
    for put in PLACES.values():
        put(trap, BY_SHAPE[shape](secret))
    assert secret not in trap.lines()
    assert trap.lines().count("it was") == 1, "the rest of the line is there"


@pytest.mark.parametrize("log_format", FORMATS)
@settings(max_examples=8, deadline=None)
@given(secret=_PASSWORDS)
def test_a_secret_that_we_know_never_comes_out_in_any_notation(log_format: str, secret: str) -> None:
    hide(secret)
    notations = [secret, quote(secret, safe=""), json.dumps(secret), repr(secret), f"x{secret}y"]
    for put in PLACES.values():
        for text in notations:
            trap = Trap(log_format)
            put(trap, text)
            said = trap.lines()
            assert secret not in said
            assert quote(secret, safe="") not in said
            assert json.dumps(secret)[1:-1] not in said


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize(
    "name", ["password", "worker_token", "Authorization", "Cookie", "secret_key", "apiKey", "private-key", "session"]
)
@settings(max_examples=8, deadline=None)
@given(secret=_PASSWORDS)
def test_what_is_called_a_secret_never_comes_out(log_format: str, name: str, secret: str) -> None:
    trap = Trap(log_format)
    trap.structured.warning("it", **{name: secret})
    trap.structured.warning("it", nested=[{"deep": {name: secret}}], headers=[(name, secret), (name.encode(), secret)])
    trap.standard.warning("it", extra={name: secret})
    assert secret not in trap.lines()


def test_ordinary_words_stay() -> None:
    for text in (
        "attempt lost",
        "GET /api/submissions/12/ answered 200",
        "the token was refused",
        "https://podium.example.org/competitions/3/",
        "3 of 5 files at /files/ are old",
        "postgresql://db.example.org:5432/podium",
    ):
        assert redact_text(text) == text


def test_a_line_of_json_is_one_object_with_its_fields() -> None:
    trap = Trap("json")
    with structlog.contextvars.bound_contextvars(request_id="r-1", submission=12):
        trap.structured.warning("two\nlines", attempt=3)
        trap.standard.warning("and %s", "another")
    first, second = (json.loads(line) for line in trap.lines().splitlines())
    assert {"event": "two\nlines", "attempt": 3, "submission": 12, "request_id": "r-1", "level": "warning"}.items() <= (
        first.items()
    )
    assert second["event"] == "and another"
    assert second["request_id"] == "r-1"


def test_nobody_forges_a_line_or_speaks_to_the_terminal() -> None:
    trap = Trap("console")
    trap.structured.warning("name", file="a\n2026-01-01 [info] all is well\x1b[2J\x9b1m")
    trap.standard.warning("b\r\nc")
    assert len(trap.lines().splitlines()) == 2
    assert "\x1b" not in trap.lines()
    assert "\x9b" not in trap.lines()


def test_a_huge_value_is_cut() -> None:
    trap = Trap("json")
    for text in ("x", "token", "cookie ", "://", '\\"', "/files/"):
        trap.structured.warning("it", what=text * 2_000_000)
    assert len(trap.lines()) < 6 * 70_000


def test_a_short_known_secret_is_not_looked_for() -> None:
    hide("admin", None, "")
    assert redact_text("the admin page") == "the admin page"
    hide("longenough")
    assert redact_text("it is longenough") == f"it is {HIDDEN}"


def test_a_worker_logs_in_the_format_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess  # noqa: PLC0415 - a process of its own, whose logs may be set up

    program = (
        "import logging; from podium.logs import configure_from_environment; configure_from_environment();"
        "logging.getLogger('podium.worker').info('hello %s', 'there');"
        "logging.getLogger('httpx').info('GET http://x/files/abc')"
    )
    monkeypatch.setenv("PODIUM_LOG_FORMAT", "json")
    monkeypatch.setenv("LOG_LEVEL", "nonsense")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    events = [json.loads(line)["event"] for line in ended.stderr.splitlines()]
    assert events == ["'NONSENSE' is no level of logs; INFO is used", "hello there"]


def test_a_value_that_holds_itself_ends_somewhere() -> None:
    value: dict[str, Any] = {"deep": []}
    value["deep"].append(value)
    assert "..." in str(redact_value(value))
