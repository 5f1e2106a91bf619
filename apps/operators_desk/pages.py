"""The desk's pages. They look like the edge's own (module_utils/edge/pages.py) and load nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fastapi.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.0625rem/1.6 system-ui, sans-serif; }
main { max-width: 34rem; padding: 2rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.0625rem; margin: 1.5rem 0 .25rem; }
p { margin: 0 0 1rem; }
ul { margin: 0 0 1rem; padding-left: 1.25rem; }
form { display: grid; gap: .25rem; }
label { font-weight: 600; }
input { font: inherit; padding: .5rem .625rem; margin-bottom: .75rem; border: 1px solid GrayText; border-radius: .375rem; }
button { font: inherit; font-weight: 600; padding: .5rem 1rem; border: 1px solid GrayText; border-radius: .375rem; justify-self: start; }
:focus-visible { outline: 3px solid LinkText; outline-offset: 2px; }
[role=alert] { border-left: .25rem solid #c62828; padding-left: .75rem; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # Not "no-referrer": browsers would then hide the origin of a form, too, which is what tells it from a forged one.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Link:
    text: str
    target: str


@dataclass(frozen=True)
class Complaint:
    """Why the form is shown once more."""

    text: str
    status: int
    retry_after: int = 0


def login_page(token: str, destination: str, name: str = "", complaint: Complaint | None = None) -> HTMLResponse:
    alert = f'<p role="alert" id="complaint">{escape(complaint.text)}</p>\n' if complaint else ""
    described = ' aria-describedby="complaint"' if complaint else ""
    in_name, in_password = ("", " autofocus") if name else (" autofocus", "")
    body = f"""{alert}<form method="post" action="/login">
<input type="hidden" name="token" value="{escape(token)}">
<input type="hidden" name="next" value="{escape(destination)}">
<label for="name">Name</label>
<input id="name" name="name" value="{escape(name)}" required autocomplete="username" autocapitalize="none"{described}{in_name}>
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password"{described}{in_password}>
<button>Log in</button>
</form>
"""
    if complaint is None:
        return _page("Operators: log in", body)
    headers = {"Retry-After": str(complaint.retry_after)} if complaint.retry_after else {}
    return _page("Operators: log in", body, complaint.status, headers)


def home_page(operator: str, token: str, previews: Sequence[Link], tools: Sequence[Link]) -> HTMLResponse:
    body = f"""<p>You are logged in as <strong>{escape(operator)}</strong>.</p>
<h2>Preview</h2>
{_list(previews)}<h2>Tools</h2>
{_list(tools)}<form method="post" action="/logout">
<input type="hidden" name="token" value="{escape(token)}">
<button>Log out</button>
</form>
"""
    return _page("Operators' desk", body)


def message_page(title: str, detail: str, status: int) -> HTMLResponse:
    return _page(title, f'<p>{escape(detail)}</p>\n<p><a href="/login">Operators: log in</a></p>\n', status)


def _list(links: Sequence[Link]) -> str:
    items = "".join(f'<li><a href="{escape(link.target)}">{escape(link.text)}</a></li>\n' for link in links)
    return f"<ul>\n{items}</ul>\n"


def _page(title: str, body: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    content = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}</main>
</body>
</html>
"""
    return HTMLResponse(content, status, {**_HEADERS, **(headers or {})})
