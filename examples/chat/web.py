"""The chat as a Flask application: one page, and an API of JSON that the page calls.

| request                          | does                                                             |
| -------------------------------- | ---------------------------------------------------------------- |
| POST /api/users                  | `{name}`: choose a name → `{name, token}`                        |
| DELETE /api/users                | leave for good                                                   |
| GET /api/rooms                   | the rooms                                                        |
| POST /api/rooms                  | `{name}`: create a room, or find the one of that name            |
| POST /api/rooms/R/members        | enter                                                            |
| DELETE /api/rooms/R/members      | leave                                                            |
| POST /api/rooms/R/messages       | `{text, key}`: say something                                     |
| GET /api/rooms/R/news?after=C    | what came after cursor C; waits until there is something to tell |

All but the first carry `Authorization: Bearer TOKEN`. An error is `{error: {code, message}}` with a fitting status.
"""

from http import HTTPStatus

from flask import Flask, Response, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from names import NAME_LENGTH, TEXT_LENGTH, Refused
from rooms import FIRST_ROOM, Chat, Message, Room, post

LONGEST_BODY = 16 * 1024
LONGEST_WAIT = 25.0

STATUS = {
    "unknown_user": HTTPStatus.UNAUTHORIZED,
    "not_a_member": HTTPStatus.FORBIDDEN,
    "unknown_room": HTTPStatus.NOT_FOUND,
    "name_taken": HTTPStatus.CONFLICT,
    "text_too_long": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "full": HTTPStatus.SERVICE_UNAVAILABLE,
    "closing": HTTPStatus.SERVICE_UNAVAILABLE,
}


def create_app(chat: Chat) -> Flask:
    """The application that serves `chat`."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    app.json.ensure_ascii = False
    add_housekeeping(app, chat)
    add_people(app, chat)
    add_rooms(app, chat)
    return app


def add_housekeeping(app: Flask, chat: Chat) -> None:
    """What goes for every request: who asks, headers, errors."""

    @app.before_request
    def identify():
        if request.path.startswith("/api/") and request.endpoint != "register":
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            g.user = chat.user(token if scheme == "Bearer" else "")
            chat.begin(g.user)

    @app.teardown_request
    def note_the_end(_error):
        if "user" in g:
            chat.end(g.user)

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store" if request.path.startswith("/api/") else "no-cache"
        return response

    @app.errorhandler(Refused)
    def refuse(error: Refused):
        return problem(error.code, error.message, STATUS.get(error.code, HTTPStatus.BAD_REQUEST))

    @app.errorhandler(HTTPException)
    def http_problem(error: HTTPException):
        return problem(error.name.lower().replace(" ", "_"), error.description, error.code)


def add_people(app: Flask, chat: Chat) -> None:
    """The page, and choosing a name."""

    @app.get("/")
    def page():
        return render_template("chat.html", name_length=NAME_LENGTH, text_length=TEXT_LENGTH, first_room=FIRST_ROOM)

    @app.post("/api/users")
    def register():
        user = chat.register(body().get("name"))
        return {"name": user.name, "token": user.token}, HTTPStatus.CREATED

    @app.delete("/api/users")
    def unregister():
        chat.remove(g.user)
        return "", HTTPStatus.NO_CONTENT


def add_rooms(app: Flask, chat: Chat) -> None:
    """Rooms, and what goes on in them."""

    @app.get("/api/rooms")
    def list_rooms():
        return {"rooms": [room_as_json(room) for room in chat.rooms.values()]}

    @app.post("/api/rooms")
    def open_room():
        return room_as_json(chat.open_room(body().get("name"))), HTTPStatus.CREATED

    @app.post("/api/rooms/<name>/members")
    def join(name: str):
        room = chat.room(name)
        room.join(g.user)
        return room_as_json(room)

    @app.delete("/api/rooms/<name>/members")
    def leave(name: str):
        chat.room(name).leave(g.user)
        return "", HTTPStatus.NO_CONTENT

    @app.post("/api/rooms/<name>/messages")
    def say(name: str):
        sent = body()
        message = post(chat.room(name), g.user, sent.get("text"), sent.get("key", ""))
        return message_as_json(message), HTTPStatus.CREATED

    @app.get("/api/rooms/<name>/news")
    def news(name: str):
        room = chat.room(name)
        cursor = request.args.get("after", "")
        if g.user in room.members and not chat.closing:
            room.wait(cursor, LONGEST_WAIT)
        if chat.closing:
            raise Refused("closing", "The chat is closing.")
        # Asked after the wait as well as before: whoever leaves ends a wait of their own.
        if g.user not in room.members:
            raise Refused("not_a_member", f"You are not in {room.name}.")
        found = room.news(cursor)
        return vars(found) | {"messages": [message_as_json(message) for message in found.messages]}


def body() -> dict:
    """The JSON object that was sent; raises `Refused` for anything else."""
    sent = request.get_json(silent=True)
    if not isinstance(sent, dict):
        raise Refused("bad_json", "The body must be a JSON object.")
    return sent


def room_as_json(room: Room) -> dict:
    return {"name": room.name, "members": len(room.members), "posted": room.posted}


def message_as_json(message: Message) -> dict:
    return {"number": message.number, "name": message.name, "text": message.text, "time": message.time}


def problem(code: str, message: str, status: int):
    response = jsonify(error={"code": code, "message": message})
    response.status_code = status
    return response
