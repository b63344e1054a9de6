"""Keys one after the other: each reaches what the one before it has opened.

The toolkit hands a key on as soon as it arrives. A screen that a key opens, and the focus that it sets, come
some messages later; until then the keys of a fast typist would go to what was there before: ``/digits`` typed
at once would hide runs (``d``) and ask for a stop (``s``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from textual import events
from textual.app import App
from textual.message import Message
from textual.widgets import Input

from guardtui.terminal import BehindEscape

Typed: TypeAlias = events.Key | events.Paste

_ROUNDS: Final = 3
"""What a key sets off: its own way up, the message that answers it, the one that answers that."""
_PATIENCE_S: Final = 2.0
"""A screen that answers no more keeps keys back no longer than this."""
_WORDS: Final = {"alt+b": "ctrl+left", "alt+f": "ctrl+right", "alt+backspace": "ctrl+w"}
"""Where text is typed Alt and a letter move by words, as in a shell."""


class TypingApp(App[None]):
    """An app that keeps keys back while the one before them is still being answered."""

    class Through(Message):
        """Went the way of a key, behind it, from the focused widget up."""

        def __init__(self, number: int, rounds: int) -> None:
            super().__init__()
            self.number = number
            self.rounds = rounds

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._typed: deque[Typed] = deque()
        self._number = 0
        self._awaited: asyncio.TimerHandle | None = None
        """There while a key is being answered."""
        self._scheduled = False

    def call_later(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """The toolkit sets the focus in this way; then what comes next must wait for it."""
        self._scheduled = True
        return super().call_later(callback, *args, **kwargs)

    async def on_event(self, event: events.Event) -> None:
        """Queue what is typed; anything else as ever."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._typed.extend(self._meant(event))
            await self._type()
        else:
            await super().on_event(event)

    def _meant(self, event: Typed) -> list[Typed]:
        """A key that came right behind Esc: in a line of text Alt and that key, else two keys."""
        if not isinstance(event, BehindEscape):
            return [event]
        words = _WORDS.get(f"alt+{event.key}") if self._in_text else None
        if words is not None:
            return [events.Key(words, None)]
        return [events.Key("escape", "\x1b"), events.Key(event.key, event.character)]

    @property
    def _in_text(self) -> bool:
        return isinstance(self.focused, Input)

    async def _type(self) -> None:
        """Hand on what was typed, until something must be waited for."""
        while self._typed and self._awaited is None and self._running:
            event, before = self._typed.popleft(), self.screen
            self._scheduled = False
            if self._in_text or isinstance(event, events.Paste):
                await super().on_event(event)
                self._scheduled = True
            else:
                self.app_focus = True
                await self._check_bindings(event.key, priority=True) or await self._check_bindings(event.key)
            if self._scheduled or self.screen is not before:
                self._await()

    def _await(self) -> None:
        """Keep what comes back until a message has gone the way of the key, and those of its answers."""
        self._number += 1
        loop = asyncio.get_running_loop()
        self._awaited = loop.call_later(_PATIENCE_S, self.post_message, self.Through(self._number, 0))
        self._send(_ROUNDS)

    def _send(self, rounds: int) -> None:
        if self._running and self._screen_stack:
            (self.focused or self.screen).post_message(self.Through(self._number, rounds))

    async def on_typing_app_through(self, event: Through) -> None:
        """Once more, or go on typing."""
        if event.number != self._number or self._awaited is None:
            return
        if event.rounds > 1:
            self._send(event.rounds - 1)
            return
        self._awaited.cancel()
        self._awaited = None
        await self._type()
