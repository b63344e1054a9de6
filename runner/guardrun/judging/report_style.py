"""How a report looks: on a desk, on a phone, on paper. No font, picture or script from elsewhere."""

from __future__ import annotations

from typing import Final

CSS: Final = """
:root { color-scheme: light; --ink: #1f2933; --muted: #5b6773; --line: #dfe4e9; --soft: #f5f7f9;
  --good: #14713f; --good-soft: #e7f5ec; --bad: #b42318; --bad-soft: #fdecea; --open: #8a5a00;
  --open-soft: #fdf4e3; --accent: #0b66c3; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
main { max-width: 66rem; margin: 0 auto; padding: 1.75rem 1.25rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .4rem 0 .3rem; letter-spacing: -.015em; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line);
  letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .4rem 0; }
.muted, .sub { color: var(--muted); }
.sub { font-size: .875rem; }
code, .mono { font: .85em/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { background: var(--soft); border-radius: .25rem; padding: .1em .35em; }
.badge { display: inline-block; border-radius: 1rem; padding: .15rem .75rem; font-size: .85rem;
  font-weight: 600; }
.pass { color: var(--good); } .fail { color: var(--bad); } .unknown { color: var(--open); }
.badge.pass { background: var(--good-soft); } .badge.fail { background: var(--bad-soft); }
.badge.unknown { background: var(--open-soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem;
  margin: 1.4rem 0 0; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem .9rem; break-inside: avoid; }
.card .label { color: var(--muted); font-size: .8rem; }
.card .value { font-size: 1.08rem; font-weight: 650; line-height: 1.25; margin: .1rem 0;
  font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr));
  gap: 1.25rem; }
figure { margin: 0; break-inside: avoid; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-weight: 600; font-size: .95rem; margin-bottom: .15rem; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--muted); font-weight: 600; font-size: .8rem; }
th, td { padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.wide th, .wide td { white-space: nowrap; overflow-wrap: normal; }
.wide td.text { white-space: normal; min-width: 14rem; }
.facts th { width: 9.5rem; min-width: 7rem; padding-top: .45rem; }
.question { border: 1px solid var(--line); border-left: .3rem solid; border-radius: .4rem;
  padding: .55rem .9rem; margin: .6rem 0; break-inside: avoid; }
.question.pass { border-left-color: var(--good); } .question.fail { border-left-color: var(--bad); }
.question.unknown { border-left-color: #d9a036; }
.question h3 { margin: 0 0 .2rem; color: var(--ink); }
.question ul { list-style: none; margin: 0; padding: 0; color: var(--ink); font-size: .9rem; }
.question li { display: grid; grid-template-columns: 1.3rem minmax(7rem, 11.5rem) 1fr; gap: 0 .3rem;
  padding: .1rem 0; }
.question .file { color: var(--muted); font-size: .85em; }
.todo { font-size: .9rem; margin: .3rem 0 0 1.6rem; color: var(--muted); }
.question ul.todo { list-style: disc; margin: 0 0 .2rem 2.7rem; color: var(--ink); }
.question ul.todo li { display: list-item; }
details { border-top: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; font-weight: 600; font-size: .95rem; }
.signal { border-top: 1px solid var(--line); padding: .6rem 0; break-inside: avoid; }
.signal:first-of-type { border-top: 0; }
.act { color: var(--bad); } .warn { color: var(--open); } .info { color: var(--muted); }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--muted);
  font-size: .8rem; }
@media (max-width: 40rem) {
  main { padding: 1rem .9rem 2rem; }
  h1 { font-size: 1.5rem; }
  .cards { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .card { padding: .6rem .7rem; } .card .value { font-size: 1.02rem; }
  .question li { grid-template-columns: 1.3rem 1fr; } .question li > :nth-child(3) { grid-column: 2; }
  .facts, .facts tbody, .facts tr, .facts th, .facts td { display: block; width: auto; }
  .facts th { border: 0; padding: .5rem 0 0; } .facts td { padding: 0 0 .45rem; }
}
@page { margin: 16mm 14mm; }
@media print {
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  h2 { margin-top: 1.6rem; } h2, h3, h2 + p { break-after: avoid; }
  .charts { grid-template-columns: 1fr 1fr; gap: .8rem; }
  .cards { grid-template-columns: repeat(auto-fit, minmax(7.4rem, 1fr)); gap: .5rem; }
  .card { padding: .5rem .6rem; } .card .value { font-size: 1rem; }
  .scroll { overflow: visible; } .wide th, .wide td { white-space: normal; }
  .wide td span { white-space: nowrap; } tr { break-inside: avoid; }
  .wide { font-size: .8rem; }
  .question { padding: .35rem .7rem; margin: .4rem 0; }
}
"""
