from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from dashboard.metrics.processes import exposition


@csrf_exempt
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text, for requests with METRICS_TOKEN. For all others there is no such page."""
    token, given = settings.METRICS_TOKEN, request.headers.get("Authorization", "")
    if token is None or request.method == "POST" or not constant_time_compare(given, f"Bearer {token}"):
        raise Http404
    return HttpResponse(
        exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"}
    )
