"""What must not be written down: passwords, tokens and keys in configurations, command lines and addresses.

The rule. A value, text or number, is a secret when its name says so (``api_key``, ``--password``,
``HF_TOKEN`` …); when it has the shape of a known kind of token (``hf_…``, ``ghp_…``, ``AKIA…``, a JSON
web token, a private key); or when it is the password, or such a parameter, of an address. Wherever a secret
stands, the record holds ``<secret 1>`` in its place; the training gets the value itself, by its environment.
A short one, or a number, is looked for behind its name alone: "1234" elsewhere is a step or a port.

Standard library only: the training's side uses it as well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

VARIABLE = "GUARDRUN_SECRETS"
"""Holds ``{"<secret 1>": value}`` in the environment of supervisor and training, and nowhere else."""

PLACEHOLDER = re.compile(r"<secret \d+>")
_SHORTEST = 6
_SHORTEST_TOKEN = 12
_NAME = re.compile(
    r"(?:^|_)(?:secrets?|password|passwd|passphrase|pwd|credentials?|api_?key|access_?key|secret_?key|"
    r"private_?key|signing_?key|encryption_?key|auth_?key|account_?key|license_?key|client_?secret|dsn|"
    r"passcode|connection_?string|sas_?token|bearer)$"
)
_TOKEN_NAME = re.compile(r"(?:^|_)(?:token|auth|authorization|cookie)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHAPES = re.compile(
    r"hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|"
    r"glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|"
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
)
_ASSIGNED = re.compile(
    rb"""(?P<name>[A-Za-z_][\w-]*)["']?\]?[ \t]*(?::[ \t]*\w+[ \t]*)?[:=][ \t]*[rbuf]?(?P<quote>["'])"""
    rb"""(?P<value>[^"'\r\n]+)(?P=quote)"""
)
"""``NAME = "value"``, ``name: str = "value"``, ``"name": "value"`` in a source."""
_ASSIGNED_NUMBER = re.compile(
    rb"""(?P<name>[A-Za-z_][\w-]*)["']?\]?[ \t]*[:=][ \t]*(?P<value>[0-9]{4,})(?=[,;)}\s]|$)"""
)
"""``NAME = 1234``, ``name: 1234``."""
_INLINE = re.compile(r"""(?<![\w.-])(?P<name>-{0,2}[A-Za-z_][\w.-]*)=["']?(?P<value>[^\s"'&;|]+)""")
_INLINE_OPTION = re.compile(
    r"""(?<![\w.-])(?P<name>--[A-Za-z_][\w.-]*)[ \t]+["']?(?P<value>[^\s"'&;|-][^\s"'&;|]*)"""
)
"""``NAME=value`` and ``--name value`` within one word: of a shell's command line."""
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*:([^/@\s]+)@|(?<=://)([^/@\s:]{20,})@")
_PARAMETER = re.compile(
    r"[?&](?:token|sig|signature|key|api_?key|access_?token|password|secret|x-amz-(?:signature|credential|"
    r"security-token))=([^&#\s]+)",
    re.IGNORECASE,
)


def is_secret(name: str, value: Any) -> bool:
    """Whether a value of that name is not to be written down. Placeholders and references never are."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value != value:
        return False
    text = str(value)
    if not text or PLACEHOLDER.search(text) or text.startswith("$"):
        return False
    word = _last_word(name)
    if _NAME.search(word):
        return True
    # pad_token: "<pad>" is a setting; a token that lets somebody in is long and has no such brackets.
    long_enough = len(text) >= _SHORTEST_TOKEN and not re.search(r"[\s<>\[]", text)
    return bool(_TOKEN_NAME.search(word)) and long_enough


def _last_word(name: str) -> str:
    """``--params.apiKey`` -> ``api_key``."""
    return _CAMEL.sub("_", name.rpartition(".")[2].lstrip("-")).replace("-", "_").lower()


def secrets_in(text: str) -> list[str]:
    """Parts of a text that are secrets by their shape."""
    found = _SHAPES.findall(text)
    for first, second in _USER_INFO.findall(text):
        found.append(first or second)
    found += _PARAMETER.findall(text)
    return [one for one in found if one and not PLACEHOLDER.fullmatch(one)]


def without_secrets(text: str, by: str = "<secret>") -> str:
    """The text with every part that is a secret by its shape replaced."""
    for one in secrets_in(text):
        text = text.replace(one, by)
    return text


def without_named(content: bytes, *, diff: bool = False) -> bytes:
    """Source text in which a quoted literal that is a secret by its name is replaced, at that place alone.

    ``diff``: only in added lines. The others are in the repository already, and must stay for it to apply.
    """

    def hidden(match: re.Match[bytes]) -> bytes:
        name, value = (match[part].decode("utf-8", "replace") for part in ("name", "value"))
        if not is_secret(name, value):
            return match[0]
        start, end = match.start("value") - match.start(), match.end("value") - match.start()
        return match[0][:start] + b"<secret>" + match[0][end:]

    def scrubbed(part: bytes) -> bytes:
        return _ASSIGNED_NUMBER.sub(hidden, _ASSIGNED.sub(hidden, part))

    if not diff:
        return scrubbed(content)
    lines = content.splitlines(keepends=True)
    return b"".join(scrubbed(line) if line.startswith(b"+") else line for line in lines)


def _replaced(text: str, secret: str, place: str) -> str:
    """Wherever it stands; a short one (of an address: ``//me:a@host``) only where it must be the secret."""
    if len(secret) >= _SHORTEST:
        return text.replace(secret, place)
    pattern = rf"(:|[?&][\w.-]+=){re.escape(secret)}(?=[@&#\s]|$)"
    return re.sub(pattern, lambda found: found[1] + place, text)


def _named_words(words: Iterable[Any], name: str) -> Iterator[tuple[str, Any, str]]:
    """Of each word of a command line: what comes before its value, the value, and what that is called."""
    before = name
    for word in words:
        if not isinstance(word, str):
            yield "", word, before
            before = name
            continue
        key, equals, rest = word.partition("=")
        if equals and re.fullmatch(r"-{0,2}[\w.-]+", key):
            yield f"{key}=", rest, key
        else:
            yield "", word, before
        before = word if word.startswith("-") and not equals else name


class Secrets:
    """The secrets of one launch: found first, then replaced wherever they stand."""

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        """``known``: placeholder -> value, of the environment."""
        self._places: dict[str | int | float, str] = {value: place for place, value in (known or {}).items()}
        self._behind_names: dict[re.Pattern[str], str] = {}
        """Where short ones and numbers stand in a text -> their placeholder."""

    def __bool__(self) -> bool:
        return bool(self._places)

    def look_into(self, value: Any, name: str = "") -> None:
        """Find the secrets of a configuration, of a command line (a list of words), of a word."""
        if isinstance(value, Mapping):
            for key, inner in value.items():
                self.look_into(inner, str(key))
        elif isinstance(value, list | tuple):
            for _, word, called in _named_words(value, name):
                self.look_into(word, called)
        elif is_secret(name, value):
            self._add(value, name)
        elif isinstance(value, str):
            self.look_for_shapes(value)
            for pattern in (_INLINE, _INLINE_OPTION):
                for found in pattern.finditer(value):
                    if is_secret(found["name"], found["value"]):
                        self._add(found["value"], found["name"])

    def look_for_shapes(self, text: str) -> None:
        """Find what is a secret by its shape: in a source, where a name may have any value."""
        for one in secrets_in(text):
            self._add(one)

    def _add(self, value: str | int | float, name: str = "") -> None:
        place = self._places.setdefault(value, f"<secret {len(self._places) + 1}>")
        text = str(value)
        if name and (len(text) < _SHORTEST or not isinstance(value, str)):
            word = _last_word(name).replace("_", "[_-]?")
            behind = rf"(?i)((?<![a-z]){word}[\"']?\]?(?:\s*[:=]\s*|[ \t]+)[\"']?){re.escape(text)}(?![\w.])"
            self._behind_names[re.compile(behind)] = place

    def hide(self, value: Any, name: str = "") -> Any:
        """A copy of a text, list or mapping with a placeholder for every secret."""
        if not self._places:
            return value
        if isinstance(value, Mapping):
            return {key: self.hide(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            words = _named_words(value, name)
            return [
                before + self.hide(w, called) if before else self.hide(w, called)
                for before, w, called in words
            ]
        if is_secret(name, value) and value in self._places:
            return self._places[value]
        return self._hide_text(value) if isinstance(value, str) else value

    def _hide_text(self, text: str) -> str:
        for pattern, place in self._behind_names.items():
            text = pattern.sub(lambda found, to=place: found[1] + to, text)  # type: ignore[misc]
        for secret in sorted((one for one in self._places if isinstance(one, str)), key=len, reverse=True):
            text = _replaced(text, secret, self._places[secret])
        return text

    def hide_bytes(self, content: bytes) -> bytes:
        """As ``hide``, for a file's content."""
        if not self._places:
            return content
        return self._hide_text(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    @property
    def known(self) -> dict[str, Any]:
        """Placeholder -> value, for ``reveal``."""
        return {place: value for value, place in self._places.items()}

    def variables(self) -> dict[str, str]:
        """What the training's environment must hold so that ``reveal`` works there; {} without secrets."""
        return {VARIABLE: json.dumps(self.known)} if self._places else {}


def from_environment(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Placeholder -> value, as the launcher handed them on. Never raises."""
    try:
        found = json.loads((os.environ if environ is None else environ).get(VARIABLE, "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(place): v if isinstance(v, int | float) else str(v) for place, v in found.items()}


def reveal(value: Any, known: Mapping[str, Any]) -> Any:
    """A copy with the values in their places, numbers as numbers; a placeholder that nobody knows stays."""
    if not known:
        return value
    if isinstance(value, Mapping):
        return {key: reveal(inner, known) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(inner, known) for inner in value]
    if isinstance(value, str):
        if value in known:
            return known[value]
        return PLACEHOLDER.sub(lambda match: str(known.get(match[0], match[0])), value)
    return value


def hidden_keys(value: Any, prefix: str = "") -> list[str]:
    """Dotted keys whose recorded value is a placeholder, or holds one."""
    if isinstance(value, Mapping):
        return [
            key for name, inner in value.items()
            for key in hidden_keys(inner, f"{prefix}.{name}" if prefix else str(name))
        ]  # fmt: skip
    if isinstance(value, list | tuple):
        return [key for at, inner in enumerate(value) for key in hidden_keys(inner, f"{prefix}[{at}]")]
    return [prefix] if isinstance(value, str) and PLACEHOLDER.search(value) else []
