"""What the page knows, for programs: JSON below ``/api/v1/``; ``openapi.json`` is its contract.

A host is named by its id, or by the key that this process knows it by, which is its own even where
two hosts have one id. Nothing can be changed here. Errors are ``{"error", "message"}``.
"""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request
from health_wire import CollectorTimeout, ProtocolError, protocol

from health_webui.following.fleet import Fleet, Follower
from health_webui.following.history import Question, TooMany

CONTRACT = Path(__file__).with_name("openapi.json")
_STATUS_OF = {protocol.NOT_FOUND: 404, protocol.BAD_REQUEST: 400, protocol.BUSY: 503}


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


def refuse(status: int, error: str, message: str) -> Response:
    """The answer for what cannot be had."""
    response = _json({"error": error, "message": message}, status)
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def _json(value: Any, status: int = 200) -> Response:
    return Response(protocol.encode(value), status, mimetype="application/json")


def _answer(view: Callable[..., dict[str, Any]]) -> Callable[..., Response]:
    """Makes a view's value, or what it raises, the response."""

    @wraps(view)
    def answer(**arguments: Any) -> Response:
        try:
            return _json(view(**arguments))
        except Refused as error:
            return refuse(error.status, error.error, str(error))
        except TooMany as error:
            return refuse(503, protocol.BUSY, str(error))
        except CollectorTimeout as error:
            return refuse(504, "timeout", str(error))
        except ProtocolError as error:
            return refuse(_STATUS_OF.get(error.error, 502), error.error, str(error))

    return answer


def routes(fleet: Fleet) -> Blueprint:
    """All addresses below ``/api/``."""
    blueprint = Blueprint("api", __name__)

    def find(name: str) -> Follower:
        found = fleet.find(name)
        if found is not None:
            return found
        same = [f.key for f in fleet.followers if f.client.host == name]
        if same:
            keys = ", ".join(same)
            raise Refused(409, "ambiguous", f"{len(same)} hosts have that id; their keys: {keys}")
        raise Refused(404, protocol.NOT_FOUND, "no host of that name is followed here")

    def summary(follower: Follower, hosts: Counter[str] | None = None) -> dict[str, Any]:
        judged = follower.verdict()
        return {
            "id": follower.client.host,
            "key": follower.key,
            "name": fleet.name_of(follower, hosts),
            "verdict": judged.status,
            "reason": judged.reason,
            "link": follower.link(),
            "last_seen": follower.last_seen,
            "notes": fleet.notes(follower, hosts),
        }

    @blueprint.get("/api/v1/openapi.json")
    def contract() -> Response:
        return Response(CONTRACT.read_bytes(), mimetype="application/json")

    @blueprint.get("/api/v1/hosts")
    @_answer
    def hosts() -> dict[str, Any]:
        names = fleet.hosts()
        return {"hosts": [summary(f, names) for f in fleet.worst_first()]}

    @blueprint.get("/api/v1/hosts/<name>")
    @_answer
    def host(name: str) -> dict[str, Any]:
        return summary(find(name))

    @blueprint.get("/api/v1/hosts/<name>/health")
    @_answer
    def health(name: str) -> dict[str, Any]:
        follower = find(name)
        return summary(follower) | {"health": follower.health}

    @blueprint.get("/api/v1/hosts/<name>/state")
    @_answer
    def state(name: str) -> dict[str, Any]:
        client = (follower := find(name)).client
        if client.epoch is None:
            raise Refused(504, "timeout", "this collector has never been seen")
        return {
            "host": client.host,
            "epoch": client.epoch,
            "seq": client.seq,
            "link": follower.link(),
            "state": client.state,
        }

    @blueprint.get("/api/v1/hosts/<name>/history")
    @_answer
    def history(name: str) -> dict[str, Any]:
        follower = find(name)
        try:
            question = Question.parse(request.args)
        except ValueError as error:
            raise Refused(400, protocol.BAD_REQUEST, str(error)) from None
        return follower.history.ask(question)

    return blueprint
