"""The rules of the chat room: names, messages, cursors, who is there and for how long."""

import pytest

import verdigris
from names import NAME_LENGTH, TEXT_LENGTH, Refused, clean_name, clean_text
from rooms import BACKLOG, FIRST_ROOM, KEY_LENGTH, MOST_ROOMS, Chat, Room, post


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
def room(chat):
    return chat.room(FIRST_ROOM)


@pytest.fixture
def ada(chat, room):
    user = chat.register("Ada")
    room.join(user)
    return user


def texts(news):
    return [message.text for message in news.messages]


@pytest.mark.parametrize(
    ("raw", "name"),
    [(" Ada ", "Ada"), ("Mary  Ann", "Mary Ann"), ("Zoë", "Zoë"), ("Ａda", "Ada"), ("O'Neil-2", "O'Neil-2")],
)
def test_names_are_tidied(raw, name):
    assert clean_name(raw, "name") == name


@pytest.mark.parametrize(
    "raw", ["", "  ", "x" * (NAME_LENGTH + 1), "a/b", "<b>", "a\u202eb", "a\x00", "...", None, 7, ["Ada"]]
)
def test_bad_names_are_refused(raw):
    with pytest.raises(Refused) as refused:
        clean_name(raw, "room name")
    assert refused.value.code == "bad_name"
    assert refused.value.message.startswith("The room name ")


def test_texts_keep_their_lines():
    assert clean_text("  one\r\ntwo\n\n\tthree \n") == "one\ntwo\n\n\tthree"
    assert clean_text("x" * TEXT_LENGTH) == "x" * TEXT_LENGTH


@pytest.mark.parametrize("raw", ["", " \n ", "x" * (TEXT_LENGTH + 1), "\x1b[31mred", "\ud800", None, {}])
def test_bad_texts_are_refused(raw):
    with pytest.raises(Refused):
        clean_text(raw)


def test_a_name_is_taken_whatever_its_case(chat, ada):
    with pytest.raises(Refused, match="ada"):
        chat.register("ada")
    chat.remove(ada)
    assert chat.register("ADA").name == "ADA"


def test_the_late_comer_gets_the_backlog(chat, room, ada):
    room.post(ada, "first")
    room.post(ada, "second")
    ben = chat.register("Ben")
    room.join(ben)
    news = room.news("")
    assert (news.fresh, texts(news), news.members) == (True, ["first", "second"], ["Ada", "Ben"])


def test_nothing_is_lost_or_doubled_between_polls(room, ada):
    cursor, read = "", []
    for number in range(3):
        room.post(ada, f"a{number}")
        room.post(ada, f"b{number}")
        news = room.news(cursor)
        cursor = news.cursor
        read += texts(news)
        assert texts(room.news(cursor)) == []
    assert read == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_the_backlog_is_bounded_and_says_what_it_forgot(room, ada):
    start = room.news("").cursor
    for number in range(BACKLOG):
        room.post(ada, str(number))
    assert not room.news(start).missed
    room.post(ada, "one more")
    news = room.news(start)
    assert news.missed
    assert texts(news) == [*map(str, range(1, BACKLOG)), "one more"]
    assert not room.news("").missed


def test_sending_again_with_the_same_key_does_not_double(chat, room, ada):
    ben = chat.register("Ben")
    room.join(ben)
    first = post(room, ada, "hello", "k1")
    assert post(room, ada, "hello", "k1") is first
    assert post(room, ben, "hello", "k1") is not first
    assert post(room, ada, "hello", "") is not post(room, ada, "hello", "")
    with pytest.raises(Refused):
        post(room, ada, "hello", "k" * (KEY_LENGTH + 1))


def test_a_cursor_of_an_earlier_room_starts_anew(room, ada):
    old = Room(room.name).news("").cursor
    room.post(ada, "hello")
    news = room.news(old)
    assert (news.fresh, texts(news)) == (True, ["hello"])
    for nonsense in ("x", "1", "-1", "abcdefgh.1", old + "9" * 20):
        with pytest.raises(Refused):
            room.news(nonsense)


def test_only_members_post(chat, room):
    with pytest.raises(Refused) as refused:
        post(room, chat.register("Eve"), "hello", "")
    assert refused.value.code == "not_a_member"


def test_a_wait_ends_with_each_kind_of_change(chat, room, ada):
    ben = chat.register("Ben")
    for change in (lambda: room.post(ada, "hello"), lambda: room.join(ben), lambda: room.leave(ben), chat.close):
        waiting = verdigris.spawn(room.wait, room.news("").cursor, 1000)
        verdigris.sleep(0)
        assert not waiting.ready()
        change()
        waiting.get(timeout=5)


def test_a_wait_that_knows_less_does_not_wait(room, ada):
    cursor = room.news("").cursor
    room.post(ada, "hello")
    room.wait(cursor, 1000)
    room.wait("", 1000)


def test_who_makes_no_request_is_removed():
    now = 0.0
    chat = Chat(clock=lambda: now)
    room = chat.room(FIRST_ROOM)
    idle, polling = chat.register("Idle"), chat.register("Polling")
    for user in (idle, polling):
        room.join(user)
    chat.begin(polling)
    now = 31.0
    chat.remove_idle(30)
    assert room.news("").members == ["Polling"]
    with pytest.raises(Refused, match="choose a name"):
        chat.user(idle.token)
    chat.end(polling)
    now = 60.0
    chat.remove_idle(30)
    assert room.news("").members == ["Polling"]
    now = 62.0
    chat.remove_idle(30)
    assert room.news("").members == []


def test_rooms_are_found_whatever_their_case_and_bounded(chat, ada):
    assert chat.open_room("Garden") is chat.open_room("GARDEN")
    for number in range(MOST_ROOMS - 2):
        chat.open_room(f"room {number}").join(ada)
    # The one empty room makes way; when all are in use, there is no more.
    chat.open_room("another").join(ada)
    with pytest.raises(Refused, match="no room"):
        chat.room("Garden")
    with pytest.raises(Refused, match="too many"):
        chat.open_room("one more")
