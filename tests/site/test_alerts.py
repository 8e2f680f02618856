"""The example alerts and the documentation speak of metrics that exist, with labels that they have."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.asgi import application
from podium.site.competitions.models import Competition
from podium.site.evaluation import services
from podium.site.evaluation.models import Attempt
from podium.site.monitoring import exposition
from podium.site.monitoring.requests import REQUESTS, SECONDS
from podium.site.queues.models import Queue
from tests.site.acting import WorkerDouble, submit

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
PAGE = ROOT / "docs" / "operators" / "monitoring.md"
_NAME = re.compile(r"\bpodium_[a-z_]+")


@pytest.fixture
def exposed(competition: Competition, pat: User, queue: Queue) -> dict[str, set[str]]:
    """Sample names with their labels, of a site on which a little of everything has happened."""
    assert application is not None
    worker = WorkerDouble(queue)
    for _ in range(3):
        submit(pat, competition)
    worker.finish(worker.job(), failure=Failure(cause=Cause.BAD_SCORES, step=Step.SCORING, message="x"))
    lost = worker.job()
    Attempt.objects.filter(pk=lost.attempt).update(lease_until=timezone.now() - timedelta(minutes=5))
    services.sweep()
    worker.job()

    REQUESTS.labels("page", "200").inc(0)
    SECONDS.labels("page").observe(0.1)
    Client().get("/metrics")
    exposition.site_figures.forget()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition.exposition().decode()):
        found.setdefault(family.name, set()).update(*(sample.labels for sample in family.samples))
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_metric_that_an_alert_names_exists_with_the_labels_it_asks_for(exposed: dict[str, set[str]]) -> None:
    assert len(rules()) > 8
    for rule in rules():
        for name in _NAME.findall(rule["expr"]):
            assert name in exposed, f"{rule['alert']}: there is no metric {name}"
        for name, labels in re.findall(r"\b(podium_[a-z_]+)\{([^}]*)\}", rule["expr"]):
            asked = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", labels))
            assert asked <= exposed[name], f"{rule['alert']}: {name} has no {asked - exposed[name]}"
        grouped = {word for words in re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"]) for word in words.split(", ")}
        shown = set(re.findall(r"\$labels\.([a-z_]+)", str(rule["annotations"])))
        known = set().union(*(exposed[name] for name in _NAME.findall(rule["expr"]))) | {"le"}
        assert grouped | shown <= known, f"{rule['alert']}: no such labels: {(grouped | shown) - known}"


def test_every_alert_says_what_is_wrong_and_how_to_mend_it() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "mend"}, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_scrape_configuration_names_the_alert_file_and_our_address() -> None:
    config = yaml.safe_load((ALERTS.parent / "prometheus.yml").read_text())
    assert config["rule_files"] == [ALERTS.name]
    (job,) = config["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert "podium" in str(rules()[0]["expr"])
    assert job["job_name"] == "podium"


def test_the_documentation_explains_every_metric_and_no_other(exposed: dict[str, set[str]]) -> None:
    families = {f.name for f in text_string_to_metric_families(exposition.exposition().decode())}
    families -= {name for name in families if name.startswith("podium_process_")}
    told = set(re.findall(r"^\| `(podium_[a-z_]+)`", PAGE.read_text(), re.MULTILINE))
    counters = {name if name != "podium_http_requests" else "podium_http_requests_total" for name in families}
    assert told == counters
