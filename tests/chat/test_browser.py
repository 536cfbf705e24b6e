"""The chat room's page in a real browser: people who see, click and type.

Skipped where there is no Chromium, unless VERDIGRIS_REQUIRE_BROWSER=1 says that there must be one.
"""

import os

import pytest

from . import chromium
from .process import ChatProcess

MESSAGES = "[...document.querySelectorAll('.message .text')].map((node) => node.textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = chromium.find()
    if program is None:
        message = (
            f"no browser to drive: none of {', '.join(chromium.PROGRAMS)} in PATH (Debian: apt-get install chromium)"
        )
        if os.environ.get("VERDIGRIS_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with chromium.Chromium(program, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def chat():
    with ChatProcess() as process:
        yield process


@pytest.fixture
def enter(browser, chat):
    """A function: somebody of that name comes in with a browser of their own; returns their page."""

    def come_in(name, room="", **screen):
        page = browser.page(f"{chat.url}{room and '#' + room}", **screen)
        page.wait_for("!document.querySelector('#welcome').hidden")
        page.type("#name", name)
        page.wait_for("document.querySelector('#people li')")
        return page

    return come_in


def wait_for_messages(page, *texts):
    page.wait_for(f"JSON.stringify({MESSAGES}) === JSON.stringify({list(texts)})")


def wait_for_people(page, *names):
    page.wait_for(f"document.querySelectorAll('#people li').length === {len(names)}")
    assert [text.removesuffix(" (you)") for text in page.texts("#people .label")] == list(names)


def test_two_talk_and_the_late_comer_sees_the_backlog(enter):
    ada = enter("Ada")
    ben = enter("Ben", width=390, height=780, dark=True)
    wait_for_people(ada, "Ada", "Ben")
    ada.type("#message", "Hello Ben!")
    wait_for_messages(ben, "Hello Ben!")
    ben.type("#message", "Hello Ada!")
    wait_for_messages(ada, "Hello Ben!", "Hello Ada!")
    assert ada.texts(".message.mine .text") == ["Hello Ben!"]

    cleo = enter("Cleo")
    wait_for_messages(cleo, "Hello Ben!", "Hello Ada!")
    assert cleo.texts(".message header b") == ["Ada", "Ben"]
    wait_for_people(ben, "Ada", "Ben", "Cleo")
    assert "Cleo came in" in ada.text("#log")


def test_rooms_are_apart_and_leaving_is_seen(enter):
    ada, ben = enter("Ada"), enter("Ben")
    ada.type("#room-name", "garden")
    ada.wait_for("document.querySelector('#room-title').textContent === 'garden'")
    wait_for_people(ben, "Ben")
    ada.type("#message", "Nobody here?")
    wait_for_messages(ada, "Nobody here?")
    ben.wait_for("document.querySelectorAll('#rooms li').length === 2")
    assert ben.texts(".message") == []
    ben.click("#rooms li:nth-child(2) button")
    wait_for_messages(ben, "Nobody here?")
    ada.open("about:blank")
    wait_for_people(ben, "Ben")


def test_what_people_write_is_text_and_lines_are_kept(enter):
    ada = enter("Ada")
    attack = "<img src=x onerror='document.title=\"owned\"'><script>document.title='owned'</script>"
    ada.type("#message", attack)
    wait_for_messages(ada, attack)
    assert ada.evaluate("document.querySelectorAll('#log img, #log script').length") == 0
    ada.type("#message", "see https://example.com/?a=b.", enter=False)
    ada.press_enter(shift=True)
    ada.type("#message", "and more")
    wait_for_messages(ada, attack, "see https://example.com/?a=b.\nand more")
    assert ada.evaluate("document.querySelector('#log a').href") == "https://example.com/?a=b"
    assert "owned" not in ada.evaluate("document.title")


def test_a_taken_name_is_refused_and_a_reload_keeps_it(enter, browser, chat):
    ada = enter("Ada")
    other = browser.page(chat.url)
    other.type("#name", "ada")
    other.wait_for("document.querySelector('#name-error').textContent === 'Somebody here is called ada already.'")
    ada.type("#message", "still me")
    wait_for_messages(ada, "still me")
    ada.reload()
    wait_for_messages(ada, "still me")
    wait_for_people(ada, "Ada")


def test_a_closed_server_is_shown_and_the_unsent_message_kept(enter, chat):
    ada = enter("Ada")
    chat.interrupt()
    ada.wait_for("document.querySelector('#connection').classList.contains('offline')")
    ada.type("#message", "is anybody there?")
    ada.wait_for("document.querySelector('#message-error').textContent === 'The server cannot be reached.'")
    assert ada.evaluate("document.querySelector('#message').value") == "is anybody there?"

    # A new server knows neither her nor the room: the page sees to both, and what was not sent still can be.
    with ChatProcess(chat.port):
        ada.wait_for("document.querySelector('#connection').textContent === 'online'")
        ada.click("#message")
        ada.press_enter()
        wait_for_messages(ada, "is anybody there?")
        wait_for_people(ada, "Ada")


def test_an_address_names_a_room_or_else_the_first_one(enter):
    assert enter("Ada", room="my%20garden").text("#room-title") == "my garden"
    assert enter("Ben", room="%3Cb%3E").text("#room-title") == "lobby"
