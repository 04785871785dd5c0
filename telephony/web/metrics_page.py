"""GET /metrics: the metrics of this service, for whoever may see an operator's pages (telephony/web/access.py)."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from quart import Blueprint, Response, request

from telephony.web.access import CHALLENGE, Access
from telephony.web.metrics import ServiceMetrics

METRICS_PATH = "/metrics"


def metrics_blueprint(metrics: ServiceMetrics, access: Access) -> Blueprint:
    """The route, and the counting of every request that the app answers, by its route."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get(METRICS_PATH)
    async def page() -> Response:
        if access.allows(request.scope):
            headers = {"Cache-Control": "no-store"}
            return Response(metrics.render(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers=headers)
        if access.challenges():
            return Response("a password is needed\n", 401, {"WWW-Authenticate": CHALLENGE}, content_type="text/plain")
        return Response("for this machine only, unless OFFHOOK_OPERATOR_TOKEN is set\n", 403, content_type="text/plain")

    @blueprint.after_app_request
    async def count(response: Response) -> Response:
        # The rule, not the path: whoever asks can make up any path.
        metrics.request(request.url_rule.rule if request.url_rule is not None else "", response.status_code)
        return response

    return blueprint
