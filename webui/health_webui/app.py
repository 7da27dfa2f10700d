"""The application: addresses, headers and the Socket.IO events.

| address | gives |
|---|---|
| ``/`` | the one host's page, or the list of hosts |
| ``/host/NAME`` | a host's page; NAME is its id or the follower's key |
| ``/api/v1/...`` | the same for programs, see `health_webui.api` |
| ``/static/FILE`` | the bundled front end |
| ``/login``, ``/logout`` | where a password is needed |
| ``/healthz`` | ``ok`` while this process serves, for those who watch it |

Socket.IO: a browser sends ``follow`` with a follower's key and gets the snapshot as the answer;
then come ``frame``, ``link`` and ``snapshot``. ``follow`` without a key is the list of hosts,
whose rows are the answer, and which gets ``fleet`` once a second with what has changed. Whom a
browser followed before, it follows no more. All addresses in the pages are relative, so that it
works below any path of a reverse proxy.
"""

import gzip
import json
import logging
import traceback
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template, request
from flask_socketio import SocketIO, join_room, leave_room, rooms
from health_wire.version import VERSION
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from health_webui import api
from health_webui.access import login
from health_webui.access.gate import MAX_BODY, SESSION_COOKIE, Access, Gate, cookie
from health_webui.connections.visitors import Visitors
from health_webui.following.fleet import Fleet, Follower
from health_webui.pages import problem, record, render
from health_webui.pages.assets import Assets
from health_webui.pages.overview import Overview, counts, summary
from health_webui.pages.plan import plan
from health_webui.pages.units import format_number, in_bits
from health_webui.verdict import SEVERITY, WORDS, coverage, problems
from health_webui.words import for_script, marked, words

_THEMES = ("light", "dark")
FLEET_ROOM = "fleet"
_SMALLEST_COMPRESSED = 1000
_HERE = str(Path(__file__).parent)


def create_app(
    fleet: Fleet, assets: Assets, access: Access, overview: Overview | None = None
) -> tuple[Flask, SocketIO]:
    """The WSGI application and the Socket.IO server in it."""
    overview = overview or Overview(fleet)
    app = Flask(__name__, static_folder=None)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        assets=assets,
        style=Markup(assets.style),
        favicon=render.favicon,
        shapes=render.shapes(),
        value=render.value,
        percentage=render.percentage,
        level=render.level,
        utc=render.utc,
        moment=render.moment,
        number=format_number,
        verdicts={status: WORDS[status] for status in SEVERITY},
        theme=_theme,
        bits=in_bits.get,
        words=words,
        marked=marked,
        script_words=for_script(),
        version=VERSION,
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.register_blueprint(login.pages(access))
    _add_pages(app, fleet, overview)
    app.register_blueprint(api.routes(fleet))
    _add_static(app, assets)
    app.before_request(_take_rates)
    app.after_request(_finish)
    app.register_error_handler(HTTPException, _error)
    sockets = _sockets(app, fleet, assets, overview)
    app.wsgi_app = Gate(app.wsgi_app, access, assets.style)  # type: ignore[method-assign]
    return app, sockets


def _theme() -> str:
    """The colour scheme that the reader has chosen, as the page's script remembers it."""
    chosen = request.cookies.get("health-theme", "")
    return chosen if chosen in _THEMES else ""


def _take_rates() -> None:
    """Network rates in what the reader has chosen, as the page's script remembers it."""
    in_bits.set(request.cookies.get("health-rates") == "bits")


def _add_pages(app: Flask, fleet: Fleet, overview: Overview) -> None:
    @app.get("/")
    def index() -> str:
        if len(fleet.followers) == 1:
            return _host_page(fleet, fleet.followers[0], root="")
        rows = overview.rows()
        return render_template(
            "fleet.html",
            root="",
            page=overview.page,
            columns=overview.columns,
            rows=rows,
            counts=counts(rows),
            summary=summary(rows),
        )

    @app.get("/host/<name>")
    def host(name: str) -> str | tuple[str, int]:
        follower = fleet.find(name)
        if follower is None:
            message = words("not_followed")
            return render_template("error.html", root="../", message=message), 404
        return _host_page(fleet, follower, root="../", many=len(fleet.followers) > 1)


def _host_page(fleet: Fleet, follower: Follower, *, root: str, many: bool = False) -> str:
    catalogue, state = follower.catalogue, follower.client.state
    health = problem.as_of_now(follower.health, catalogue, state)
    return render_template(
        "host.html",
        root=root,
        many=many,
        notes=fleet.notes(follower),
        follower=follower,
        verdict=follower.verdict(health),
        coverage=coverage(health),
        problems=problem.grouped(problem.view(p, catalogue, state) for p in problems(health))
        if catalogue
        else [],
        views=render.views(follower),
        plan=plan(catalogue) if catalogue else None,
        record=record.line(state),
    )


def _add_static(app: Flask, assets: Assets) -> None:
    @app.get("/static/<name>")
    def static(name: str) -> Response:
        file = assets.files.get(name)
        if file is None:
            return Response("There is no such file.\n", 404, mimetype="text/plain")
        response = Response(file.content, content_type=file.mime)
        if file.gzipped is not None:
            response.vary.add("Accept-Encoding")
            if request.accept_encodings["gzip"]:
                response.set_data(file.gzipped)
                response.headers["Content-Encoding"] = "gzip"
        # The name has a hash of the content in it, so that what it gives never changes.
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _finish(response: Response) -> Response:
    """Compresses what was made for this request."""
    if response.mimetype in ("text/html", "application/json") and not response.is_streamed:
        response.vary.add("Accept-Encoding")
        body = response.get_data()
        if len(body) >= _SMALLEST_COMPRESSED and request.accept_encodings["gzip"]:
            response.set_data(gzip.compress(body, 6))
            response.headers["Content-Encoding"] = "gzip"
    return response


def _error(error: HTTPException) -> tuple[str, int] | Response:
    if request.path.startswith("/api/"):
        return api.refuse(
            error.code or 500, "not_found", "There is no such address; see openapi.json."
        )
    root = "../" * max(request.path.count("/") - 1, 0)
    message = error.description or error.name
    return render_template("error.html", root=root, message=message), error.code or 500


def engine_of(sockets: SocketIO) -> Any:
    """The engineio server below: connections and their queues."""
    return sockets.server.eio  # type: ignore[attr-defined]


class _Json:
    """JSON as browsers send it: what is nested too deeply is no JSON, and no error of ours."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(text: str | bytes, **options: Any) -> Any:
        try:
            return json.loads(text, **options)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _ours(said: logging.LogRecord) -> bool:
    """Whether a logged error is worth a line: not if it is what a browser sent."""
    if not said.exc_info:
        return False
    frames = traceback.extract_tb(said.exc_info[2])
    return any(frame.filename.startswith(_HERE) for frame in frames)


def _sockets(app: Flask, fleet: Fleet, assets: Assets, overview: Overview) -> SocketIO:
    sockets = SocketIO(
        app,
        async_mode="gevent",
        cors_allowed_origins=[],  # not checked again: `Access` has
        json=_Json,
        manage_session=False,
        async_handlers=False,  # one thing after the other for each browser, however much it asks
        allow_upgrades=False,  # the page begins with WebSocket and falls back to polling
        max_http_buffer_size=10_000,  # what browsers have to say is short
        ping_interval=10,
        ping_timeout=10,
    )

    logging.getLogger("engineio.server").addFilter(_ours)

    @sockets.on("connect")
    def connect() -> None:
        """Remembers the connection, which may have to be cut, and the session it came with."""
        websocket = request.environ.get("wsgi.websocket")
        engine = engine_of(sockets)
        manager = sockets.server.manager  # type: ignore[attr-defined]
        sid = manager.eio_sid_from_sid(request.sid, "/")  # type: ignore[attr-defined]
        if websocket is not None and sid in engine.sockets:
            engine.sockets[sid].tcp = websocket.handler.socket
            engine.sockets[sid].outlet = websocket.handler.outlet
        if sid in engine.sockets:
            engine.sockets[sid].session = cookie(request.environ, SESSION_COOKIE)

    @sockets.on("follow")
    def follow(key: str | None = None) -> dict[str, Any]:
        for room in rooms():
            if room != request.sid:  # type: ignore[attr-defined]
                leave_room(room)
        if not key:
            join_room(FLEET_ROOM)
            return {"build": assets.build, **overview.snapshot()}
        follower = fleet.find(key)
        if follower is None:
            return {"build": assets.build, "error": "this host is not followed here any more"}
        join_room(follower.key)
        return {"build": assets.build, **follower.snapshot()}

    Visitors(engine_of(sockets))
    return sockets
