"""What is sent to the terminal, without what it knows already: colours that hold are not sent again.

The toolkit sends every piece of text with all of its style, and a reset after it: half of all bytes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_STYLE: Final = re.compile(r"\x1b\[([\d;]*)m")
_JUMP: Final = re.compile(r"\x1b\[\d+;\d+H|[\r\n]")
_SEEN_ON_BLANKS: Final = frozenset("4579") | {"53", "21"}
"""Underlined, blinking, reversed, struck out, overlined."""
_OFF: Final = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}


class Look(NamedTuple):
    """The style that holds: attributes, and colours as they are spelled; "" is the terminal's own."""

    attributes: frozenset[str] = frozenset()
    ink: str = ""
    ground: str = ""


_PLAIN: Final = Look()


def lean(sent: str) -> str:
    """The same picture in fewer bytes. It begins and ends with the terminal's own style.

    >>> lean("\x1b[1;31;42ma\x1b[0m\x1b[1;9H\x1b[31;42mb\x1b[0m \x1b[31;42mc\x1b[0m") == (
    ...     "\x1b[1;31;42ma\x1b[1;9H\x1b[22mb\x1b[49m \x1b[42mc\x1b[m"
    ... )
    True
    """
    kept: list[str] = []
    holds, wanted, position = _PLAIN, _PLAIN, 0
    for match in _STYLE.finditer(sent):
        holds = _write(kept, sent[position : match.start()], holds, wanted)
        wanted, position = _styled(wanted, match[1]), match.end()
    holds = _write(kept, sent[position:], holds, wanted)
    kept.append("" if holds == _PLAIN else "\x1b[m")
    return "".join(kept)


def _write(kept: list[str], text: str, holds: Look, wanted: Look) -> Look:
    """Add text in the wanted look; the look that then holds."""
    if holds != wanted:
        shown = _JUMP.sub("", text)
        if not shown:
            wanted = holds
        elif shown.isspace() and _differ_in_ink_alone(holds, wanted):
            wanted = Look(holds.attributes, holds.ink, wanted.ground)
        if holds != wanted:
            kept.append(_change(holds, wanted))
    kept.append(text)
    return wanted


def _differ_in_ink_alone(one: Look, other: Look) -> bool:
    return not (one.attributes | other.attributes) & _SEEN_ON_BLANKS


@lru_cache(maxsize=4096)
def _styled(before: Look, codes: str) -> Look:
    """The look after these codes."""
    attributes, ink, ground = set(before.attributes), before.ink, before.ground
    parts = codes.split(";")
    while parts:
        code = parts.pop(0)
        if code in ("", "0"):
            attributes, ink, ground = set(), "", ""
        elif code in ("38", "48"):
            size = 1 if parts[:1] == ["5"] else 3
            color = ";".join((code, *parts[: size + 1]))
            del parts[: size + 1]
            ink, ground = (color, ground) if code == "38" else (ink, color)
        elif code in ("39", "49"):
            ink, ground = ("", ground) if code == "39" else (ink, "")
        elif re.fullmatch(r"[39][0-7]", code):
            ink = code
        elif re.fullmatch(r"(?:4|10)[0-7]", code):
            ground = code
        else:
            attributes.add(code)
    return Look(frozenset(attributes), ink, ground)


@lru_cache(maxsize=4096)
def _change(holds: Look, wanted: Look) -> str:
    """The sequence from one look to the other: by what differs, or anew where that is shorter."""
    anew = [*sorted(wanted.attributes), wanted.ink, wanted.ground]
    whole = f"\x1b[{';'.join(('0', *filter(None, anew)))}m" if any(anew) else "\x1b[m"
    gone = holds.attributes - wanted.attributes
    off = {_OFF.get(code, "") for code in gone}
    added = wanted.attributes - holds.attributes
    if "" in off or ("22" in off and wanted.attributes & {"1", "2"}):
        return whole
    parts = [*sorted(off), *sorted(added)]
    parts += [wanted.ink or "39"] if wanted.ink != holds.ink else []
    parts += [wanted.ground or "49"] if wanted.ground != holds.ground else []
    return min(f"\x1b[{';'.join(parts)}m", whole, key=len)
