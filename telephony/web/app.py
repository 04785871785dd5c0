"""The web application: webhooks, health, the browser phone, on Quart; the media socket stands before it."""

from __future__ import annotations

import time
from typing import Any

from quart import Quart, Response, jsonify, request

from telephony.twilio.signatures import SignatureCheck
from telephony.twilio.webhooks import MAX_BODY_BYTES, twilio_blueprint
from telephony.web.access import Access
from telephony.web.doorkeeper import Doorkeeper
from telephony.web.host import CallHost, now_ms
from telephony.web.media_socket import MediaGate
from telephony.web.metrics import ServiceMetrics
from telephony.web.metrics_page import metrics_blueprint
from telephony.web.phone import Phone, phone_blueprint

#: A webhook's body is sent with its head; a peer that dribbles is cut off. Sooner than connections.BODY_S, so that it
#: hears why.
BODY_TIMEOUT_S = 4
#: In every answer: a name made up at each start, by which `offhook doctor` tells us from a proxy or another service.
INSTANCE_HEADER = "Offhook-Instance"
#: In /healthz's answer: how the request came (SignatureCheck.seen).
SEEN_HEADER = "Offhook-Seen"


def build_app(
    host: CallHost, check: SignatureCheck, access: Access, metrics: ServiceMetrics, *, max_call_s: int
) -> Quart:
    """The HTTP side. /healthz: the process lives. /readyz: it would take a call now (200) or not (503), as JSON."""
    app = Quart("offhook", static_folder=None)
    app.url_map.merge_slashes = False  # a path is what the carrier signed: there is no other that is as good
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S
    app.register_blueprint(twilio_blueprint(host.webhooks, check))
    app.register_blueprint(metrics_blueprint(metrics, access))
    phone = Phone(host, host.agents.names(), max_call_s=max_call_s, now_ms=now_ms)
    app.register_blueprint(phone_blueprint(phone, access))

    @app.get("/")
    async def root() -> Response:
        if not access.allows(request.scope):
            return Response(status=404)
        told = "Offhook answers telephone calls here. A telephone in the browser: /phone\n"
        return Response(told, content_type="text/plain")

    @app.get("/healthz")
    async def healthz() -> Response:
        seen = check.seen(request.scope["headers"])
        return Response("ok\n", content_type="text/plain", headers={SEEN_HEADER: seen})

    @app.get("/readyz")
    async def readyz() -> Response:
        state: dict[str, Any] = host.state()
        response = jsonify(state)
        response.status_code = 200 if state["ready"] else 503
        return response

    @app.after_request
    async def name_instance(response: Response) -> Response:
        response.headers[INSTANCE_HEADER] = host.instance
        return response

    return app


def build_asgi(
    host: CallHost, check: SignatureCheck, access: Access, metrics: ServiceMetrics, *, max_call_s: int
) -> MediaGate:
    """Everything that the server serves."""
    instance = (INSTANCE_HEADER.lower().encode(), host.instance.encode())
    app = build_app(host, check, access, metrics, max_call_s=max_call_s)
    # Without "/", which is for operators only, and what strangers ask for most.
    served = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()} - {""}
    keeper = Doorkeeper(app, host.counts, served, time.monotonic)
    return MediaGate(keeper, host, refusal_headers=(instance,))
