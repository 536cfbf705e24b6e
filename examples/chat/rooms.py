"""The chat without the web: people, rooms, messages, and waiting for what comes next.

All is kept in memory, and no lock is needed: greenlets switch only where they wait, and the one wait in this file is in
`Room.wait`. A room counts its changes (messages, arrivals, departures). A reader holds a cursor, the count it has seen;
asked with it, the room gives exactly what came after, so that nothing is lost or doubled between two polls.
"""

import re
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from names import Refused, clean_name, clean_text, same
from verdigris.event import Event

BACKLOG = 200
MOST_ROOMS = 100
MOST_PEOPLE = 5000
KEY_LENGTH = 64
FIRST_ROOM = "lobby"

_CURSOR = re.compile(r"([0-9a-f]{8})\.([0-9]{1,15})")


@dataclass(eq=False)
class User:
    """Somebody with a name. The token is the secret that proves it; `seen` is when the last request of theirs ended."""

    name: str
    token: str
    seen: float
    requests: int = 0
    rooms: set["Room"] = field(default_factory=set)


@dataclass(frozen=True)
class Message:
    """One message; its `number` is the room's count of changes when it came."""

    number: int
    author: User
    name: str
    text: str
    key: str
    time: float


@dataclass(frozen=True)
class News:
    """What a reader has not seen yet. `fresh`: it starts anew; `missed`: the backlog no longer holds all of it."""

    cursor: str
    fresh: bool
    missed: bool
    messages: list[Message]
    members: list[str]


class Room:
    """A room: who is in it, its last messages, and an event for whoever waits for the next change."""

    def __init__(self, name: str):
        self.name = name
        self.members: set[User] = set()
        self.posted = 0
        self._edition = secrets.token_hex(4)
        self._changes = 0
        self._backlog: deque[Message] = deque(maxlen=BACKLOG)
        self._forgotten = 0
        self._changed = Event()

    def join(self, user: User) -> None:
        """Let `user` in; no change when already inside."""
        if user not in self.members:
            self.members.add(user)
            user.rooms.add(self)
            self._change()

    def leave(self, user: User) -> None:
        """Let `user` out; no change when not inside."""
        if user in self.members:
            self.members.discard(user)
            user.rooms.discard(self)
            self._change()

    def post(self, author: User, text: str, key: str = "") -> Message:
        """Add a message. `key` makes it safe to try again: the same key of the same author gives the same message."""
        for message in self._backlog:
            if key and message.key == key and message.author is author:
                return message
        if len(self._backlog) == BACKLOG:
            self._forgotten = self._backlog[0].number
        message = Message(self._changes + 1, author, author.name, text, key, time.time())
        self._backlog.append(message)
        self.posted += 1
        self._change()
        return message

    def news(self, cursor: str) -> News:
        """All that came after `cursor`; the whole backlog when it is empty or of an earlier room of this name."""
        seen = self._seen(cursor)
        return News(
            cursor=f"{self._edition}.{self._changes}",
            fresh=seen is None,
            missed=seen is not None and seen < self._forgotten,
            messages=[message for message in self._backlog if message.number > (seen or 0)],
            members=sorted((user.name for user in self.members), key=same),
        )

    def wait(self, cursor: str, seconds: float) -> None:
        """Wait until something came after `cursor`, for `seconds` at most."""
        if self._seen(cursor) == self._changes:
            self._changed.wait(seconds)

    def wake(self) -> None:
        """End all waits, though nothing has changed."""
        # A new event for those who come next, so that those who wait now all wake, however late they get to run.
        changed, self._changed = self._changed, Event()
        changed.set()

    def _change(self) -> None:
        self._changes += 1
        self.wake()

    def _seen(self, cursor: str) -> int | None:
        if not cursor:
            return None
        parts = _CURSOR.fullmatch(cursor)
        if not parts:
            raise Refused("bad_cursor", "That is no cursor.")
        seen = int(parts[2])
        return seen if parts[1] == self._edition and seen <= self._changes else None


class Chat:
    """Everybody and every room. `clock` gives seconds that only grow; tests put in their own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.rooms: dict[str, Room] = {}
        self.closing = False
        self._clock = clock
        self._users: dict[str, User] = {}
        self._names: set[str] = set()
        self.open_room(FIRST_ROOM)

    def register(self, raw_name: object) -> User:
        """A new user; raises `Refused` when the name is not fit or somebody has it."""
        name = clean_name(raw_name, "name")
        if same(name) in self._names:
            raise Refused("name_taken", f"Somebody here is called {name} already.")
        if len(self._users) >= MOST_PEOPLE:
            raise Refused("full", "The chat is full.")
        user = User(name, secrets.token_urlsafe(24), self._clock())
        self._users[user.token] = user
        self._names.add(same(name))
        return user

    def user(self, token: str) -> User:
        """The user whose token it is; raises `Refused`."""
        try:
            return self._users[token]
        except KeyError:
            raise Refused("unknown_user", "You are not known here: choose a name.") from None

    def remove(self, user: User) -> None:
        """Take `user` out of all rooms and free the name."""
        for room in list(user.rooms):
            room.leave(user)
        if self._users.pop(user.token, None):
            self._names.discard(same(user.name))

    def open_room(self, raw_name: object) -> Room:
        """The room of that name, made if there is none; the oldest empty room goes when there are too many."""
        name = clean_name(raw_name, "room name")
        if same(name) not in self.rooms:
            if len(self.rooms) >= MOST_ROOMS:
                self._drop_an_empty_room()
            self.rooms[same(name)] = Room(name)
        return self.rooms[same(name)]

    def room(self, name: str) -> Room:
        """The room of that name; raises `Refused`."""
        try:
            return self.rooms[same(name)]
        except KeyError:
            raise Refused("unknown_room", "There is no room of that name.") from None

    def begin(self, user: User) -> None:
        """Note that a request of `user` has begun: nobody is idle during one."""
        user.requests += 1

    def end(self, user: User) -> None:
        """Note that it has ended."""
        user.requests -= 1
        user.seen = self._clock()

    def remove_idle(self, seconds: float) -> None:
        """Remove all who have made no request for `seconds`: their page is gone, whether it said so or not."""
        limit = self._clock() - seconds
        for user in list(self._users.values()):
            if not user.requests and user.seen < limit:
                self.remove(user)

    def close(self) -> None:
        """End all waits, now and from now on."""
        self.closing = True
        for room in self.rooms.values():
            room.wake()

    def _drop_an_empty_room(self) -> None:
        for key, room in self.rooms.items():
            if not room.members and key != FIRST_ROOM:
                del self.rooms[key]
                return
        raise Refused("full", "There are too many rooms.")


def post(room: Room, user: User, raw_text: object, raw_key: object) -> Message:
    """Post what a client sent; raises `Refused` when it is not fit or `user` is not in the room."""
    if user not in room.members:
        raise Refused("not_a_member", f"You are not in {room.name}.")
    if not isinstance(raw_key, str) or len(raw_key) > KEY_LENGTH:
        raise Refused("bad_key", f"The key must be text of {KEY_LENGTH} characters at most.")
    return room.post(user, clean_text(raw_text), raw_key)
