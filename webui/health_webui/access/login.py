"""Logging in and out. Both are forms with a token: other sites' pages cannot send them."""

import secrets

from flask import Blueprint, Response, g, render_template, request
from itsdangerous import BadSignature, TimestampSigner

from health_webui.access.gate import FORM_COOKIE, SESSION_COOKIE, Access
from health_webui.access.password import MAX_PASSWORD
from health_webui.access.sessions import SESSION_SECONDS
from health_webui.access.tries import TooManyTries
from health_webui.words import words

_FORM_SECONDS = 12 * 3600


class FormTokens:
    """Tokens that a form has to carry as its browser's cookie does."""

    def __init__(self) -> None:
        self._signer = TimestampSigner(secrets.token_bytes(32), salt="form")

    def current(self) -> str:
        """The browser's token, a new one where it has none that holds."""
        if "form_token" not in g:
            held = request.cookies.get(FORM_COOKIE, "")
            if not self._holds(held):
                held = g.new_form_token = self._signer.sign(secrets.token_hex(16)).decode()
            g.form_token = held
        token = g.form_token
        assert isinstance(token, str)
        return token

    def sent(self) -> bool:
        """Whether the form that was sent is one of ours."""
        held, given = request.cookies.get(FORM_COOKIE, ""), request.form.get("token", "")
        return self._holds(held) and secrets.compare_digest(held.encode(), given.encode())

    def _holds(self, token: str) -> bool:
        try:
            self._signer.unsign(token, max_age=_FORM_SECONDS)
        except BadSignature:
            return False
        return True


def pages(access: Access) -> Blueprint:
    """``/login``, ``/logout`` and ``/healthz``."""
    blueprint = Blueprint("login", __name__)
    tokens = FormTokens()

    def form(message: str, status: int) -> Response:
        page = render_template("login.html", root="", message=message, token=tokens.current())
        return Response(page, status)

    @blueprint.get("/login")
    def login() -> Response:
        if access.may_stay(access.session(request.environ)):
            return _to_start()
        return form("", 200)

    @blueprint.post("/login")
    def enter() -> Response:
        if not access.needs_login:
            return _to_start()
        if not tokens.sent():
            return form(words("log_in.outdated"), 400)
        password = request.form.get("password", "")[: MAX_PASSWORD + 1]
        try:
            right = access.tries.right(request.environ.get("REMOTE_ADDR", ""), password)
        except TooManyTries as error:
            response = form(str(error), 429)
            response.headers["Retry-After"] = str(error.seconds)
            return response
        if not right:
            return form(words("log_in.wrong"), 403)
        response = _to_start()
        _set_cookie(response, SESSION_COOKIE, access.sessions.begin(), SESSION_SECONDS)
        return response

    @blueprint.post("/logout")
    def leave() -> Response:
        if not tokens.sent():
            return Response("This form was out of date.\n", 400, mimetype="text/plain")
        access.sessions.end(access.session(request.environ) or "")
        response = _to_start("login" if access.needs_login else "./")
        response.delete_cookie(SESSION_COOKIE, path=_cookie_path())
        return response

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @blueprint.after_app_request
    def keep_token(response: Response) -> Response:
        if "new_form_token" in g:
            _set_cookie(response, FORM_COOKIE, g.new_form_token, _FORM_SECONDS)
        return response

    @blueprint.app_context_processor
    def for_templates() -> dict[str, object]:
        return {"logged_in": access.needs_login, "form_token": tokens.current}

    return blueprint


def _to_start(where: str = "./") -> Response:
    return Response(status=303, headers={"Location": where})


def _cookie_path() -> str:
    return f"{request.environ.get('SCRIPT_NAME', '')}/"


def _set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path=_cookie_path(),
        httponly=True, samesite="Lax", secure=request.is_secure,
    )  # fmt: skip
