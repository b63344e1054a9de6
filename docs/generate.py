"""Write docs/signals.md, and the table of policies in docs/config.md, from the product's own words.

python docs/generate.py            write both
python docs/generate.py --check    exit 1 when one of them says something else

A signal's section is the docstring of its rule: a sentence, then the paragraphs ``Definition:``,
``Defaults:``, ``Source:`` and ``Wrong when:``. The rows of the policy are the docstrings of its fields.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from guardrun.provenance.config import model
from guardrun.signals.engine import GRACE_POINTS, LR_GRACE_POINTS
from guardrun.signals.model import About, Family
from guardrun.signals.policy import DEFAULT_POLICY
from guardrun.signals.precedence import STRONGER
from guardrun.signals.rules import RULES

DOCS: Final = Path(__file__).resolve().parent
SIGNALS: Final = DOCS / "signals.md"
CONFIG: Final = DOCS / "config.md"
LABELS: Final = ("Definition", "Defaults", "Source", "Wrong when")
FAMILIES: Final[dict[Family, str]] = {
    "health": "How the training learns",
    "performance": "How fast it goes",
    "resources": "What the machine has left",
    "limits": "What you allowed",
}
_POLICY_ROWS: Final = re.compile(r"(?:^\| `policy\.\w+` \|.*\n)+", re.MULTILINE)
_LABEL: Final = re.compile(rf"({'|'.join(LABELS)}): ")


class Page(NamedTuple):
    """What a rule says about itself, as Markdown."""

    about: About
    summary: str
    paragraphs: dict[str, list[str]]
    """Label -> its paragraphs."""


def pages() -> list[Page]:
    """Every rule's page, in the order of the policy. Raises ValueError where a paragraph is missing."""
    found = {page.about.id: page for page in map(_page, RULES)}
    return [found[id] for id in DEFAULT_POLICY]


def _page(rule: object) -> Page:
    about: About = rule.about  # type: ignore[attr-defined]
    summary: list[str] = []
    labelled: dict[str, list[str]] = {}
    into = summary
    for paragraph in (inspect.getdoc(rule) or "").split("\n\n"):
        text = _markdown(paragraph)
        label = _LABEL.match(text)
        if label is not None:
            into = labelled.setdefault(label[1], [])
            text = text[label.end() :]
            text = text[:1].upper() + text[1:]
        into.append(text)
    missing = [label for label in LABELS if not labelled.get(label)]
    if missing or not "".join(summary):
        raise ValueError(f"the docstring of {about.id} lacks {', '.join(missing) or 'a first sentence'}")
    return Page(about, "\n\n".join(summary), labelled)


def _markdown(paragraph: str) -> str:
    """One paragraph of a docstring: joined lines (those of a list stay), single backticks."""
    lines = paragraph.replace("``", "`").splitlines()
    text = ""
    for line in lines:
        text += ("\n" if line.lstrip().startswith(("- ", "* ")) else " ") + line.strip()
    return text.strip()


def signals_page() -> str:
    """The whole of docs/signals.md."""
    parts = [_INTRODUCTION.strip(), *_tables(), _POLICY.strip(), "## The signals, one by one"]
    parts += [_section(page) for page in pages()]
    return "\n\n".join(parts) + "\n"


def _tables() -> Iterator[str]:
    yield "## All signals"
    for family, words in FAMILIES.items():
        rows = [page for page in pages() if page.about.family == family]
        yield "\n".join(
            (
                f"### {words}",
                "",
                "| signal | what it says | default |",
                "|---|---|---|",
                *(
                    f"| [`{page.about.id}`](#{page.about.id}) | {_cell(page)} "
                    f"| `{DEFAULT_POLICY[page.about.id]}` |"
                    for page in rows
                ),
            )
        )


def _cell(page: Page) -> str:
    return page.summary.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _section(page: Page) -> str:
    id = page.about.id
    action = f"Policy: `{DEFAULT_POLICY[id]}`."
    stronger = " or ".join(f"`{each}`" for each in STRONGER.get(id, ()))
    parts = [f"### {id}", page.summary]
    parts += _labelled("Definition", page.paragraphs["Definition"])
    parts += _labelled(
        "Default", [f"{action} {page.paragraphs['Defaults'][0]}", *page.paragraphs["Defaults"][1:]]
    )
    parts += _labelled("Source", page.paragraphs["Source"])
    parts += _labelled("When it is wrong", page.paragraphs["Wrong when"])
    if stronger:
        parts.append(f"**Gives way** to {stronger}, which says the same and more.")
    parts.append(
        f"**To switch it off**: `policy: {{{id}: off}}` in the configuration, or `policy.{id}=off` behind "
        "`guard run exp.yaml`."
    )
    return "\n\n".join(parts)


def _labelled(label: str, paragraphs: list[str]) -> list[str]:
    first, *rest = paragraphs
    return [f"**{label}.** {first}", *rest]


def config_page(text: str) -> str:
    """docs/config.md with the rows of its table of policies written anew."""
    rows = "".join(
        f"| `policy.{id}` | `{action}` | {meaning} [More](signals.md#{id}) |\n"
        for id, action, meaning in _policies()
    )
    return _POLICY_ROWS.sub(lambda _: rows, text, count=1)


def _policies() -> Iterator[tuple[str, str, str]]:
    """(id, default, meaning) of every policy, from the configuration's own class."""
    source = ast.parse(inspect.getsource(model.PolicyConfig)).body[0]
    assert isinstance(source, ast.ClassDef)
    defaults = model.PolicyConfig()
    for field, documented in zip(source.body, source.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(documented, ast.Expr)
            assert isinstance(documented.value, ast.Constant)
            meaning = " ".join(str(documented.value.value).replace("``", "`").split())
            yield field.target.id, getattr(defaults, field.target.id), meaning


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them."""
    wanted = {SIGNALS: signals_page(), CONFIG: config_page(CONFIG.read_text(encoding="utf-8"))}
    if "--check" in arguments:
        stale = [page for page, text in wanted.items() if page.read_text(encoding="utf-8") != text]
        for page in stale:
            print(f"{page.name} is stale: run python docs/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for page, text in wanted.items():
        page.write_text(text, encoding="utf-8")
    return 0


_INTRODUCTION: Final = f"""
# Signals

<!-- Written by docs/generate.py from the docstrings of the rules. Change those, then run it. -->

A signal is what guard tells you about a run that trains, or trained: which rule, from which step on, the
numbers that it rests on, what to do, and what would change its mind. The same rules judge a live run
(`guard run`, `guard watch`), a recorded one and the logs of other tools (`guard signals`), and say the same.

## How a signal lives

- **Severity.** `info`: for the record. `warn`: look at it. `act`: sure enough that the run may be stopped for
  it. Only a signal of severity `act` can stop a run, and only where the policy says so.
- **Raised** when its rule is sure, which is later than the first step of its evidence; **raised again** under
  the same name when it grows worse; **cleared** when the run recovers, after as many quiet values as the rule
  asks for, so that it does not flicker. No rule latches: a recovery always clears.
- **Superseded**: one trouble is told once. A stronger signal takes the place of one that says less about the
  same, and gives it back when it clears itself.
- **Acknowledged**: `guard ack RUN [SIGNAL]` says that you know. The signal stays, dimmed, and comes back
  when it grows worse. The policy acts as before.
- **Grace.** In the first {GRACE_POINTS} events after a start or a resume, and in the {LR_GRACE_POINTS}
  after the learning rate begins again (a warm restart), most rules are not heard: losses move then by
  design. Limits and failures have no grace.
- **A resume** starts the judging afresh: what stood is cleared.
- Rules know no units. Losses may be negative, near zero or a million, evaluations may come at every step or
  every five thousand. Distances are measured against the noise and the progress of the run itself.

## Two kinds of training loss

A training loss that is measured in evaluation mode on fixed data, and the running loss that almost every
training loop logs, look alike and are not: on 3,814 published runs the same test for overfitting was wrong in
1 % of its stops with the first and in 35 % with the second. guard takes a loss as running (`run.log(loss=…)`)
unless it comes with the evaluation: `run.evaluate({{"train/loss": …, "val/loss": …}})`. For a foreign log
`guard signals --train-loss evaluated` says it.

## Other people's logs

`guard signals PATH` judges a log of Hugging Face, Lightning, Keras and many others, from its first row to its
last, as it would have been judged live, and says what that would have saved. Hugging Face's Trainer
replaces losses that are NaN by the average so far (`logging_nan_inf_filter`, on by default), so that a dead
run shows a clean curve: guard looks for its tell-tales and says so.
"""

_POLICY: Final = """
## What is done about a signal

The key `policy` of the configuration has one entry a signal; `guard run exp.yaml policy.overfit=warn` changes
it for one run, `guard signals PATH --policy overfit=stop` tries one on a log.

| action | what happens |
|---|---|
| `off` | The rule does not run. |
| `observe` | The signal is recorded and shown quietly; an `act` says what the default would have done. |
| `warn` | It is shown. A person decides. |
| `stop` | A signal of severity `act` stops the run safely: last checkpoint written, best one proved. |
| `abort` | The same, at once and by force if need be; the run counts as aborted (exit code 3). |

With `observe` a team can try a policy for a while before it trusts it.

By default only what real logs show to be safe acts by itself, and what you asked for yourself: a persistent
NaN, a sustained explosion, robust overfitting, your own patience and your budgets. Nothing acts on a run
without a supervisor: viewers only tell.
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
