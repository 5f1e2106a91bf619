"""What the edge answers by itself: a page for people, problem+json (RFC 9457) for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape

# nginx writes it into the page that it sends: the name under which everything about the request is found.
_TRACE_ID = "<!--#echo var='request_id' -->"


@dataclass(frozen=True)
class EdgePage:
    # The edge's word for the case; what follows a dot tells pages of one case apart.
    name: str
    status: int
    title: str
    detail: str
    links: tuple[tuple[str, str], ...] = ()

    @property
    def html(self) -> str:
        links = " or ".join(f'<a href="{escape(target)}">{escape(text)}</a>' for text, target in self.links)
        return _HTML.format(
            title=escape(self.title), detail=escape(self.detail), links=f"<p>{links}</p>\n" if links else "", trace_id=_TRACE_ID
        )

    @property
    def problem(self) -> str:
        members = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail, "trace_id": _TRACE_ID}
        return json.dumps(members) + "\n"


_ABSENT = "It is just starting, or this environment is not observed (echobase_observability)"


def _tool_away(tool: str, title: str, detail: str, *instead: str) -> EdgePage:
    """The page of a tool that operators asked for in vain: why, and where to look instead."""
    return EdgePage(f"tool-away.{tool}", 503, title, detail, tuple((place, place) for place in instead))


PAGES = (
    EdgePage(
        "nothing-live",
        503,
        "No release is live yet",
        "This address works, but nothing is published here so far. Please come back a little later.",
    ),
    EdgePage(
        "maintenance",
        503,
        "We are at work on this site",
        "It is back soon, and everything that was confirmed is safe. Please try again in a few minutes.",
    ),
    EdgePage(
        "routing-table-unreadable",
        503,
        "We cannot tell who should answer you",
        "The fault is ours, it has been recorded, and nothing you sent was processed. Please try again in a moment.",
    ),
    EdgePage(
        "colour-away",
        502,
        "The application did not answer",
        "It is probably back in a moment. Please try again; what was confirmed is safe.",
    ),
    EdgePage(
        "desk-away",
        503,
        "Nobody can log in right now",
        "The desk that knows the operators does not answer; its log says more. Customers are served as usual.",
    ),
    _tool_away("console", "The console does not answer", f"{_ABSENT}."),
    _tool_away(
        "grafana",
        "There is no Grafana here",
        "It is used only as its makers' own image, which takes a registry that has it. The console shows the same dashboards: /console/.",
        "/console/",
    ),
    _tool_away(
        "prometheus",
        "Prometheus does not answer",
        f"{_ABSENT}. Where its package has no page at /prometheus/graph, there is an older one: /prometheus/classic/graph.",
        "/prometheus/classic/graph",
        "/console/",
    ),
    _tool_away(
        "alertmanager",
        "Alertmanager does not answer",
        f"{_ABSENT}. Where its package has no page of its own, Prometheus lists the alerts: /prometheus/classic/alerts.",
        "/prometheus/classic/alerts",
        "/console/",
    ),
    _tool_away(
        "jaeger",
        "Jaeger does not answer",
        f"{_ABSENT}. Its own pages are in its makers' image only; the console shows every trace: /console/.",
        "/console/",
    ),
    _tool_away(
        "loki",
        "There is no Loki here",
        "It is used only as its makers' own image, which takes a registry that has it. Elsewhere VictoriaLogs keeps the logs: /logs/.",
        "/logs/",
        "/console/",
    ),
    _tool_away(
        "logs",
        "There is no VictoriaLogs here",
        f"Loki keeps this environment's logs (/loki/), or {_ABSENT[0].lower()}{_ABSENT[1:]}.",
        "/loki/",
        "/console/",
    ),
    EdgePage("edge-failed", 500, "Something went wrong on our side", "It has been recorded. Please try again in a moment."),
    EdgePage("bad-request", 400, "That is no request we understand", "What arrived here is not valid HTTP."),
    EdgePage("not-found", 404, "There is nothing here", "The address may be mistyped, or what was here is gone."),
    EdgePage("too-large", 413, "That is too large", "The request is larger than this site accepts."),
    EdgePage("address-too-long", 414, "That address is too long", "The address is longer than this site accepts."),
    EdgePage(
        "too-many-requests", 429, "Too many requests at once", "Your address has too many requests open here. Please try again in a moment."
    ),
    EdgePage(
        "headers-too-large",
        431,
        "Your browser sent too much",
        "The headers of the request are larger than this site accepts. It probably helps to delete the cookies of this site.",
    ),
    EdgePage(
        "choose",
        300,
        "Which colour?",
        "No colour is known to be idle, so the preview has to be told which one to show: GET /preview/blue or GET /preview/green.",
        links=(("blue", "/preview/blue"), ("green", "/preview/green")),
    ),
)


def page_files() -> dict[str, str]:
    """Gives the content of each page by its file name."""
    return {f"{page.name}.html": page.html for page in PAGES} | {f"{page.name}.json": page.problem for page in PAGES}


_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.0625rem/1.6 system-ui, sans-serif; }}
main {{ max-width: 34rem; padding: 2rem; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }}
p {{ margin: 0 0 1rem; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{detail}</p>
{links}<p><small>Trace <code>{trace_id}</code></small></p>
</main>
</body>
</html>
"""
