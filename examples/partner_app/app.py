"""A hospital's case list, as small as it can be: what an app with quietway inside looks like.

    python examples/partner_app

It keeps its own list of clients, shows what waits, sends a referral once the survivor has decided,
and answers. It learns of news through the local webhook, as an app in another process would.

Rules: names of clients stay in this list and go nowhere by themselves; what is sent is what a
person presses. The pages load nothing from elsewhere, and listen on this machine alone. A form
counts only with the token that its page was given, so no other page sends it.

Spec: docs/howto/embed-the-sdk.md, docs/reference/webhook.md.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from pages import show_queue

from quietway import QuietwayError, WebhookRefused, read_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway import Client
    from quietway.content import CaseRef

HOST: Final = "127.0.0.1"
MOST_BODY_BYTES: Final = 16_384
NO_CONTENT: Final = 204
TOLD_BEFORE: Final = (
    "alternatives",
    "benefits",
    "may_withdraw",
    "not_condition_of_service",
    "risks",
)
RELEASED: Final = ("barriers", "identity", "narrative", "services", "status")
ASKED_FOR: Final[dict[str, Any]] = {
    "staff": "Social work desk",
    "contact": "Line 2040",
    "service_type": "safehouse",
    "purpose_code": "safe_accommodation",
    "info_basis": "client_interview",
    "referred_by": "healthcare",
    "survivor_choice": "chosen",
    "time_sensitivity": "urgent",
}


@dataclass(slots=True)
class PartnerApp:
    """The app: its own list, and the client that speaks for it.

    Attributes:
        client: The agency's device.
        names: Its own list: whose case a reference is. It stays here.
        secret: What the webhook is signed with.
        token: What a form must bring along.
        news: What the webhook told since somebody last looked.
        notice: The last sentence for whoever presses a button.
    """

    client: Client
    names: dict[CaseRef, str] = field(default_factory=dict, repr=False)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    news: int = 0
    notice: str = ""
    _seen: set[tuple[str, int]] = field(default_factory=set, repr=False)

    def take(self, body: bytes, signature: str) -> None:
        """Take in what the webhook says.

        Raises:
            WebhookRefused: It is not to be believed.
        """
        told = read_webhook(self.secret, body, signature, now=self.client.now())
        if (told.run, told.number) not in self._seen:
            self._seen.add((told.run, told.number))
            self.news += told.event in {"received", "consent_changed", "started", "missed"}

    def press(self, button: str, form: dict[str, str]) -> None:
        """Do what a person pressed, and say what became of it."""
        try:
            self.notice = BUTTONS[button](self, form)
        except QuietwayError as refused:
            # Each is a sentence for people that says what to do next, and holds no content.
            self.notice = str(refused)

    def show(self) -> str:
        """Show the queue, as it is now."""
        self.news = 0
        return show_queue(self.client, self.names, self.notice, self.token)

    def find_case(self, form: dict[str, str]) -> CaseRef:
        """Find the case that a form names."""
        return self.client.cases.find(form["case"]).case_ref


def open_case(app: PartnerApp, form: dict[str, str]) -> str:
    """Open a case; the name stays in this app."""
    app.names[app.client.cases.open()] = form["name"]
    return "Opened. Nobody was told."


def record_release(app: PartnerApp, form: dict[str, str]) -> str:
    """Record that the survivor signed a release for one partner."""
    if form.get("told") != "yes":
        return "Not recorded: tell her the five things first, then tick the box."
    app.client.consent.grant(
        app.find_case(form),
        form["to"],
        categories=RELEASED,
        purposes=("safety_coordination", "service_referral"),
        scopes=("coordination_status", "safehouse"),
        informed=TOLD_BEFORE,
    )
    return f"Recorded, for {form['to']} alone and for thirty days."


def refer(app: PartnerApp, form: dict[str, str]) -> str:
    """Send a referral; with a name only where the box is ticked, and a release covers it."""
    named = {
        "pathway": "warm_linkage",
        "identity_mode": "identifying",
        "identifiability": "identifying",
        "disclosure_basis": "survivor_release",
    }
    more = named if form.get("named") == "yes" else {}
    sent = app.client.referrals.send(
        form["to"], case_ref=app.find_case(form), purpose_text=form["text"], **ASKED_FOR, **more
    )
    return "Sent." if sent.problem is None else str(sent.problem)


def answer(app: PartnerApp, form: dict[str, str]) -> str:
    """Accept a referral that this agency was sent."""
    app.client.referrals.acknowledge(form["referral"], next_steps="contact_planned")
    return "Accepted; they are told."


def pause(app: PartnerApp, form: dict[str, str]) -> str:
    """Pause all sharing of a case, at once."""
    app.client.consent.pause(app.find_case(form))
    return "Paused. Nothing more goes out, and what nobody has fetched is taken back."


BUTTONS: Final = {
    "/open": open_case,
    "/release": record_release,
    "/refer": refer,
    "/answer": answer,
    "/pause": pause,
}


class AppServer(ThreadingHTTPServer):
    """Answers the browser and the webhook, on this machine alone."""

    daemon_threads = True

    def __init__(self, app: PartnerApp, port: int) -> None:
        super().__init__((HOST, port), AppHandler)
        self.app = app

    @property
    def origin(self) -> str:
        """Host and port, as a browser that was sent here names them."""
        return f"{HOST}:{self.server_address[1]}"


class AppHandler(BaseHTTPRequestHandler):
    """One request."""

    server: AppServer

    def do_GET(self) -> None:
        """Show the page."""
        if self.path == "/" and self._is_for_here():
            self._reply(200, self.server.app.show())
        else:
            self._reply(404, "There is no such page.")

    def do_POST(self) -> None:
        """Take a webhook or a form."""
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), MOST_BODY_BYTES))
        if self.path == "/events":
            self._take_event(body)
        elif self.path in BUTTONS and self._is_for_here():
            self._take_form(dict(parse_qsl(body.decode("utf-8", errors="replace"))))
        else:
            self._reply(404, "There is no such page.")

    def log_message(self, *_: object) -> None:
        """Write no log: addresses and paths stay out of files."""

    def _take_event(self, body: bytes) -> None:
        try:
            self.server.app.take(body, self.headers.get("quietway-signature", ""))
        except WebhookRefused as refused:
            self._reply(401, str(refused))
        else:
            self._reply(204, "")

    def _take_form(self, form: dict[str, str]) -> None:
        if secrets.compare_digest(form.get("token", ""), self.server.app.token):
            self.server.app.press(self.path, form)
            # The page again, so that nothing is sent twice by loading it anew.
            self._reply(303, "", location="/")
        else:
            self._reply(403, "This form is not from here: open the page anew.")

    def _is_for_here(self) -> bool:
        # A page from elsewhere reaches this machine under another name.
        return self.headers.get("host") == self.server.origin

    def _reply(self, status: int, text: str, *, location: str = "") -> None:
        body = text.encode("utf-8")
        self.send_response(status)
        if location:
            self.send_header("location", location)
        if status != NO_CONTENT:
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.send_header("content-security-policy", "default-src 'none'; form-action 'self'")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(app: PartnerApp, port: int = 0) -> Iterator[str]:
    """Serve the pages on this machine for the length of the block, and give their address."""
    server = AppServer(app, port)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    address = f"http://{server.origin}"
    try:
        with app.client.forward_events(f"{address}/events", secret=app.secret):
            yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
