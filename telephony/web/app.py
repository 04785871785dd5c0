"""The web application: the carrier's webhooks and the service's health, on Quart; the media socket stands before it."""

from __future__ import annotations

from typing import Any

from quart import Quart, Response, jsonify

from telephony.twilio.signatures import SignatureCheck
from telephony.twilio.webhooks import MAX_BODY_BYTES, twilio_blueprint
from telephony.web.host import CallHost
from telephony.web.media_socket import MediaGate

#: A webhook's body is sent with its head; a peer that dribbles is cut off.
BODY_TIMEOUT_S = 10


def build_app(host: CallHost, check: SignatureCheck) -> Quart:
    """The HTTP side. /healthz: the process lives. /readyz: it would take a call now (200) or not (503), as JSON."""
    app = Quart("offhook", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S
    app.register_blueprint(twilio_blueprint(host.webhooks, check))

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response("ok\n", content_type="text/plain")

    @app.get("/readyz")
    async def readyz() -> Response:
        state: dict[str, Any] = host.state()
        response = jsonify(state)
        response.status_code = 200 if state["ready"] else 503
        return response

    return app


def build_asgi(host: CallHost, check: SignatureCheck) -> MediaGate:
    """Everything that the server serves."""
    return MediaGate(build_app(host, check), host)
