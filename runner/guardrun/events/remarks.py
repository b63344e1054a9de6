"""What people say about a run: notes and tags, and who said it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guardrun.events.commands import Command

MOST_CHARACTERS: Final = 2000
"""Of one note. What is longer is a document, and belongs in a file."""
MOST_IN_A_TAG: Final = 40
MOST_TAGS: Final = 20
"""Changed by one command."""


def note_problem(text: str) -> str:
    """What is wrong with a note; "" when nothing is.

    >>> note_problem("lr was too high"), note_problem(" ")
    ('', 'a note needs some words')
    >>> note_problem("x" * 100_000)
    'a note has at most 2,000 characters, and this one has 100,000'
    """
    if not text.strip():
        return "a note needs some words"
    if len(text) > MOST_CHARACTERS:
        return f"a note has at most {MOST_CHARACTERS:,} characters, and this one has {len(text):,}"
    return ""


def tags_problem(tags: Iterable[str]) -> str:
    """What is wrong with the tags that one command adds and removes; "" when nothing is.

    >>> tags_problem(["baseline", "lr=0.1"]), tags_problem([])
    ('', 'which tag?')
    >>> tags_problem(["to do"])
    "'to do' is no tag: letters, digits and signs, without spaces and commas"
    """
    named = list(tags)
    if not named:
        return "which tag?"
    if len(named) > MOST_TAGS:
        return f"at most {MOST_TAGS} tags at once, and these are {len(named):,}"
    for tag in named:
        if len(tag) > MOST_IN_A_TAG:
            return f"a tag has at most {MOST_IN_A_TAG} characters, and {tag[:12]!r}… has {len(tag):,}"
        if not tag.isprintable() or not tag or any(char in " ,#" for char in tag) or tag[0] in "+-":
            return f"{tag!r} is no tag: letters, digits and signs, without spaces and commas"
    return ""


def parse_tags(text: str) -> tuple[list[str], list[str]]:
    """Tags to add and to remove, as people type them.

    >>> parse_tags("+good, baseline -bad #seen")
    (['good', 'baseline', 'seen'], ['bad'])
    """
    add: list[str] = []
    remove: list[str] = []
    for word in text.replace(",", " ").split():
        (remove if word[0] == "-" else add).append(word.lstrip("+-").removeprefix("#"))
    return add, remove


def said_fields(command: Command) -> dict[str, Any]:
    """A note or tag command as the fields of the ``ack`` that records it."""
    fields: dict[str, Any] = {
        "id": command.id, "command": command.command, "via": command.via, "sent": command.sent,
        "by": user_name(command.uid),
    }  # fmt: skip
    if command.text:
        return {**fields, "text": command.text}
    return {**fields, "add": list(command.add), "remove": list(command.remove)}


def user_name(uid: int) -> str:
    """The name of a user of this host; ``user 1234`` where it has none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (KeyError, ImportError, OverflowError):
        return f"user {uid}"
