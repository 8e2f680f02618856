"""The address that Prometheus scrapes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST

from podium.site.monitoring import policies
from podium.site.monitoring.exposition import exposition


@require_GET
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics, for administrators and for whoever has the scrape token."""
    if not policies.may_read_metrics(request):
        text = "Metrics are for administrators, and for a scraper that sends PODIUM_METRICS_TOKEN as a bearer token.\n"
        return HttpResponse(text, status=403, content_type="text/plain; charset=utf-8")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
