"""Seals and opens the notes of orders with data keys that are kept for a while, so that the key service may be away."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from orders.cloud import KeyService, KeyServiceAway, NotOurKey
from orders.envelope import DataKey, Envelope, Unreadable

RENEW_AFTER_SECONDS = 300.0
# While the key service is away a data key is used for longer, within what AES-GCM allows for random nonces.
GIVE_UP_AFTER_SECONDS = 24 * 3600.0
MOST_USES = 2**24
REMEMBERED_KEYS = 1024
_PAUSE_BETWEEN_ATTEMPTS_SECONDS = 2.0


class Notes:
    def __init__(self, service: KeyService, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._lock = threading.Lock()
        self._renewal = threading.Lock()
        self._key: DataKey | None = None
        self._made_at = 0.0
        self._uses = 0
        self._asked_at = float("-inf")
        self._key_id = ""
        self._following = threading.Lock()
        self._followed_at = float("-inf")
        self._opened: OrderedDict[bytes, bytes] = OrderedDict()

    def seal(self, text: str, order_id: str) -> bytes:
        return Envelope.seal(text, order_id, self._usable_key()).to_bytes()

    def open(self, content: bytes, order_id: str) -> str:
        envelope = Envelope.from_bytes(content)
        return envelope.open(order_id, self._unwrap(envelope.wrapped_key))

    @property
    def can_seal(self) -> bool:
        try:
            self._usable_key(use=False)
        except KeyServiceAway:
            return False
        return True

    @property
    def key_id(self) -> str:
        """The id of the key that the present data key is wrapped with. Whether that changed is looked up meanwhile; nobody waits for it."""
        if self._may_follow and not self._following.locked():
            threading.Thread(target=self._follow, name="key of notes", daemon=True).start()
        with self._lock:
            return self._key_id

    @property
    def _may_follow(self) -> bool:
        return self._clock() - self._followed_at >= _PAUSE_BETWEEN_ATTEMPTS_SECONDS

    def _follow(self) -> None:
        with self._following, suppress(KeyServiceAway):
            if not self._may_follow:
                return
            self._followed_at = self._clock()
            if self._service.key_id() != self._key_id:
                self._renew(is_rotated=True)

    def _usable_key(self, use: bool = True) -> DataKey:
        if self._current_key(RENEW_AFTER_SECONDS) is None:
            if self._current_key(GIVE_UP_AFTER_SECONDS) is None:
                self._renew()
            elif not self._renewal.locked() and self._may_ask:
                # Nobody waits for it: the present key serves on until there is a new one, or longer if nobody answers.
                threading.Thread(target=self._renew_quietly, name="data key", daemon=True).start()
        with self._lock:
            if self._key is None:
                raise KeyServiceAway("there is no data key yet")
            self._uses += use
            return self._key

    def _current_key(self, oldest: float) -> DataKey | None:
        with self._lock:
            fresh = self._clock() - self._made_at < oldest and self._uses < MOST_USES
            return self._key if fresh else None

    @property
    def _may_ask(self) -> bool:
        return self._clock() - self._asked_at >= _PAUSE_BETWEEN_ATTEMPTS_SECONDS

    def _renew(self, is_rotated: bool = False) -> None:
        """Renews the data key. One thread does that at a time, and not again at once after a failure."""
        with self._renewal:
            if self._current_key(RENEW_AFTER_SECONDS) is not None and not is_rotated:
                return
            if not self._may_ask:
                raise KeyServiceAway("the key service did not answer a moment ago")
            self._asked_at = self._clock()
            plaintext, wrapped, key_id = self._service.new_data_key()
            with self._lock:
                self._key, self._made_at, self._uses = DataKey(plaintext, wrapped), self._clock(), 0
                self._key_id = key_id
                self._remember(wrapped, plaintext)
            self._asked_at = float("-inf")

    def _renew_quietly(self) -> None:
        with suppress(KeyServiceAway):
            self._renew()

    def _unwrap(self, wrapped: bytes) -> bytes:
        with self._lock:
            known = self._opened.get(wrapped)
            if known is not None:
                self._opened.move_to_end(wrapped)
                return known
        try:
            plaintext = self._service.unwrap(wrapped)
        except NotOurKey as error:
            raise Unreadable(str(error)) from error
        with self._lock:
            self._remember(wrapped, plaintext)
        return plaintext

    def _remember(self, wrapped: bytes, plaintext: bytes) -> None:
        self._opened[wrapped] = plaintext
        while len(self._opened) > REMEMBERED_KEYS:
            self._opened.popitem(last=False)
