"""GET /metrics: the metrics of this service, for whoever may see an operator's pages (telephony/web/access.py)."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from quart import Blueprint, Response, request

from telephony.web.access import Access
from telephony.web.metrics import ServiceMetrics

METRICS_PATH = "/metrics"


def metrics_blueprint(metrics: ServiceMetrics, access: Access) -> Blueprint:
    """The route, and the counting of every request that the app answers, by its route."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get(METRICS_PATH)
    async def page() -> Response:
        refusal = access.refusal(request.scope)
        if refusal is not None:
            text = refusal.message + "\n"
            return Response(text, refusal.status, dict(refusal.headers), content_type="text/plain")
        headers = {"Cache-Control": "no-store"}
        return Response(metrics.render(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers=headers)

    @blueprint.after_app_request
    async def count(response: Response) -> Response:
        # The rule, not the path: whoever asks can make up any path.
        metrics.request(request.url_rule.rule if request.url_rule is not None else "", response.status_code)
        return response

    return blueprint
