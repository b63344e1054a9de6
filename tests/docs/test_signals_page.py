"""docs/signals.md and the policies in docs/config.md say what the rules and the configuration say."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from guardrun.signals.policy import DEFAULT_POLICY
from guardrun.signals.precedence import STRONGER
from guardrun.signals.rules import RULES

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_generate"] = module
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_the_generated_ones(generate: ModuleType) -> None:
    """When it fails: ``python docs/generate.py``."""
    assert generate.main(["--check"]) == 0


def test_every_signal_of_the_policy_has_a_rule_and_every_rule_a_policy() -> None:
    ids = [rule.about.id for rule in RULES]  # type: ignore[attr-defined]
    assert sorted(ids) == sorted(DEFAULT_POLICY)
    assert STRONGER.keys() <= DEFAULT_POLICY.keys()


def test_every_signal_has_one_section_one_row_and_a_way_to_switch_it_off() -> None:
    text = (DOCS / "signals.md").read_text()
    sections = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    rows = re.findall(r"^\| \[`(\w+)`\]\(#\1\) \| .+ \| `(\w+)` \|$", text, re.MULTILINE)
    assert sections == list(DEFAULT_POLICY)
    assert dict(rows) == dict(DEFAULT_POLICY)
    assert len(rows) == len(DEFAULT_POLICY)
    for id in DEFAULT_POLICY:
        assert f"`policy: {{{id}: off}}`" in text


def test_every_rule_says_what_why_whence_and_when_it_is_wrong(generate: ModuleType) -> None:
    for page in generate.pages():
        assert page.summary.endswith("."), page.about.id
        assert list(page.paragraphs) == list(generate.LABELS), page.about.id
        for label, paragraphs in page.paragraphs.items():
            assert all(len(text) > 9 for text in paragraphs), (page.about.id, label)
            assert "``" not in "".join(paragraphs)


def test_a_rule_without_one_of_the_paragraphs_is_refused(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        """It says nothing.

        Definition: none.

        Source: none.
        """

        about = RULES[0].about  # type: ignore[attr-defined]

    monkeypatch.setattr(generate, "RULES", (Silent, *RULES[1:]))
    with pytest.raises(ValueError, match="lacks Defaults, Wrong when"):
        generate.pages()


def test_links_between_the_pages_lead_somewhere() -> None:
    text = (DOCS / "config.md").read_text()
    linked = re.findall(r"\(signals\.md#(\w+)\)", text)
    assert linked == list(DEFAULT_POLICY)
