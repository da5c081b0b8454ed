"""The one page of the example: cases with what stands, referrals both ways, and forms.

Rules: everything that came from somebody is escaped. It shows labels, and sends codes.

Spec: docs/howto/embed-the-sdk.md.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from quietway.codes import label_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quietway import Client, Referral
    from quietway.content import CaseRef


def show_queue(client: Client, names: Mapping[CaseRef, str], notice: str, token: str) -> str:
    """Show the page as HTML, which loads nothing."""
    hidden = f'<input type="hidden" name="token" value="{escape(token)}">'
    partners = sorted(partner.agency_code for partner in client.partners.list())
    parts = [
        f"<h1>{escape(client.program)}</h1>",
        f"<p><strong>{escape(notice)}</strong></p>" if notice else "",
        "<h2>To do</h2>",
        *(f"<p>{escape(line.words)}</p>" for line in client.due.list()),
        "<h2>Referrals</h2>",
        *(_show_referral(referral, hidden) for referral in client.referrals.list()),
        "<h2>Cases</h2>",
        *(_show_case(client, case, name, partners, hidden) for case, name in names.items()),
        _form("/open", hidden, '<input name="name" required> <button>Open a case</button>'),
    ]
    title = escape(client.program)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "</head>\n<body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )


def _show_referral(referral: Referral, hidden: str) -> str:
    words = escape(referral.packet.purpose_text)
    state = escape(label_of("referral_state", referral.state))
    line = f"<p>{referral.direction}: {words} <em>{state}</em></p>"
    if referral.direction == "in" and referral.state == "sent":
        named = f'<input type="hidden" name="referral" value="{referral.ref}">'
        line += _form("/answer", hidden, f"{named}<button>Accept</button>")
    return line


def _show_case(client: Client, case: CaseRef, name: str, partners: list[str], hidden: str) -> str:
    named = f'{hidden}<input type="hidden" name="case" value="{case}">'
    to = "".join(f"<option>{escape(code)}</option>" for code in partners)
    choice = f'<select name="to">{to}</select>'
    return "\n".join(
        [
            f"<h3>{escape(name)}</h3>",
            *_list_standing(client, case),
            _form(
                "/release",
                named,
                f'{choice} <label><input type="checkbox" name="told" value="yes">She was told '
                "the five things, and signed</label> <button>Record the release</button>",
            ),
            _form(
                "/refer",
                named,
                f'{choice} <input name="text" maxlength="280" required> <label><input '
                'type="checkbox" name="named" value="yes">With her name</label> '
                "<button>Refer</button>",
            ),
            _form("/pause", named, "<button>She says stop</button>"),
        ]
    )


def _list_standing(client: Client, case: CaseRef) -> Iterator[str]:
    if client.consent.show(case).status is not None:
        yield "<p>Sharing is paused.</p>"
    for line in client.board.show(case).barriers:
        yield f"<p>{escape(label_of('barrier', line.code))}: {escape(line.state)}</p>"


def _form(action: str, hidden: str, body: str) -> str:
    return f'<form method="post" action="{action}">{hidden}{body}</form>'
