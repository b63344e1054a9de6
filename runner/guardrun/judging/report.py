"""A report of one or several runs as one HTML file that needs nothing else. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from guardrun import __version__
from guardrun.judging.audit import Audit
from guardrun.judging.checklist_model import State
from guardrun.judging.compare import Comparison
from guardrun.judging.report_charts import MOST_GROUPS, Repeats, charts_of
from guardrun.judging.report_drawing import draw
from guardrun.judging.report_html import code, text
from guardrun.judging.report_provenance import provenance_section
from guardrun.judging.report_sections import (
    VERDICTS,
    audit_section,
    comparison_section,
    headline,
    signals_section,
    verdict_of,
)
from guardrun.judging.report_style import CSS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Even if something slipped through: the page may load nothing and run nothing."""


_MOST_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What goes into the page."""

    audits: tuple[Audit, ...]
    comparison: Comparison | None = None
    without_comparison: str = ""
    """Why there is none."""
    title: str = ""
    made: float = 0.0
    """Unix seconds."""


def report_html(report: Report) -> str:
    """The whole page. Raises UserError where matplotlib (the extra ``report``) is missing."""
    groups = groups_of(report)
    name = report.title or _name(report.audits)
    sections = [
        ("Curves", _curves(groups)),
        ("Comparison" if len(groups) > 1 else "Result", _comparison(report)),
        ("Signals", signals_section(report.audits)),
        ("Audit", audit_section(report.audits, groups[0].runs if report.comparison is not None else ())),
        ("Provenance", provenance_section(groups, report.audits)),
    ]
    body = "".join(f"<section><h2>{head}</h2>{content}</section>" for head, content in sections if content)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{text(name, 120)}: training report</title><style>{CSS}</style></head>"
        f"<body><main>{_top(report, name)}{headline(groups, report.comparison, report.audits)}{body}"
        f"{_foot(report)}</main></body></html>\n"
    )


def groups_of(report: Report) -> list[Repeats]:
    """As compared; without a comparison each run by itself."""
    if report.comparison is not None:
        several = len(report.comparison.groups) > 1
        return [
            Repeats(f"{group.letter}: {group.label}" if several else group.label, group.runs)
            for group in report.comparison.groups
        ]
    runs = [audit.facts for audit in report.audits]
    return [Repeats(run.name if len(runs) == 1 else run.run_id, (run,)) for run in runs]


def _name(audits: Sequence[Audit]) -> str:
    names = list(dict.fromkeys(audit.facts.group or audit.facts.name for audit in audits))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _top(report: Report, name: str) -> str:
    state: State = verdict_of(report.audits)
    count = len(report.audits)
    runs = "1 run" if count == 1 else f"{count} runs"
    return (
        f'<header><span class="badge {state}">{VERDICTS[state]}</span><h1>{text(name, 160)}</h1>'
        f'<p class="sub">{runs} · {_day(report.made)}</p></header>'
    )


def _curves(groups: Sequence[Repeats]) -> str:
    figures = [
        f"<figure><figcaption>{text(chart.title, 80)}</figcaption>{draw(chart, number)}</figure>"
        for number, chart in enumerate(charts_of(groups))
    ]
    if not figures:
        return '<p class="muted">No curve was logged.</p>'
    return f'<div class="charts">{"".join(figures)}</div>{_not_drawn(groups)}'


def _not_drawn(groups: Sequence[Repeats]) -> str:
    """Which groups the pictures leave out, and how to see them."""
    names = [text(group.label, 60) for group in groups[MOST_GROUPS:]]
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f'<p class="sub">Drawn are {MOST_GROUPS} of {len(groups)} groups, the best first. Not drawn: '
        f"{', '.join(names[:_MOST_NAMED])}{more}. All are in the tables below; "
        f"{code('guard report RUN RUN -o FILE.html')} draws the runs that it is given.</p>"
    )


def _comparison(report: Report) -> str:
    if report.comparison is not None:
        return comparison_section(report.comparison)
    return f'<p class="muted">{text(report.without_comparison)}</p>' if report.without_comparison else ""


def _foot(report: Report) -> str:
    return (
        f"<footer>Written by guardrun {text(__version__)} on {_day(report.made)} from the files of the runs. "
        "Everything on this page is in this file.</footer>"
    )


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
