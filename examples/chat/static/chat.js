// The page: choose a name, go from room to room, talk. The session is kept per tab, so that two tabs can be two people.

import { Api, Problem } from "./api.js";
import { Reader } from "./reader.js";
import { element, Log, showConnection, showPeople, showRooms } from "./view.js";

const ROOMS_EVERY = 4000;
const TELL_LEFT_BELOW = 200;
const FIRST_ROOM = document.body.dataset.firstRoom;

const api = new Api();
const log = new Log();
const seen = new Map(); // room → how many messages had been posted when we last looked
let me = null;
let room = null;
let reader = null;
let people = null; // who was in the room at the last look, to tell who came and went
let online = null; // whether the last poll reached the server
let unseen = 0; // messages that came while the page was hidden
let unsent = null; // a message whose sending failed: {text, key}, so that trying again cannot double it

// Names

async function signIn(name) {
  api.token = null;
  const user = await api.register(name);
  me = user.name;
  api.token = user.token;
  sessionStorage.setItem("user", JSON.stringify(user));
  element("me").textContent = me;
}

function showWelcome(error = "") {
  reader?.stop();
  sessionStorage.removeItem("user");
  document.title = "Chat room";
  element("chat").hidden = true;
  element("welcome").hidden = false;
  element("name").value = me ?? "";
  element("name-error").textContent = error;
  element("name").focus();
}

// The server has forgotten us (it was started anew, or we were away): the same name again, if still free.
async function signInAgain() {
  try {
    await signIn(me);
  } catch (error) {
    if (error.code !== "offline") showWelcome(error.message);
    throw error;
  }
}

element("name-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await guarded("name-error", async () => {
    await signIn(element("name").value);
    await enterFromAddress();
  });
});

element("leave").addEventListener("click", async () => {
  reader.stop();
  await guarded("room-error", () => api.unregister());
  me = null;
  showWelcome();
});

// Rooms

async function enter(name) {
  const { name: opened } = await api.openRoom(name);
  await api.join(opened);
  // From here on nothing waits, so that two clicks in a row cannot get in each other's way: the later one wins.
  reader?.stop();
  if (room && room !== opened) api.leave(room).catch(() => {});
  room = opened;
  people = null;
  unseen = 0;
  history.replaceState(null, "", `#${encodeURIComponent(room)}`);
  element("welcome").hidden = true;
  element("chat").hidden = false;
  element("room-title").textContent = room;
  element("message").placeholder = `Message to ${room}`;
  showTitle();
  closePanels();
  element("message").focus();
  reader = new Reader(api, room, { news, online: () => reachable(true), offline: () => reachable(false), lost: signInAgain });
  reader.run();
  refreshRooms();
}

function news({ fresh, missed, messages, members }) {
  if (fresh) log.clear();
  if (missed) log.note("Some messages came while you were away and are no longer kept.");
  log.add(messages, me);
  if (fresh) log.empty();
  if (!fresh && document.hidden) unseen += messages.length;
  showTitle();
  showPeople(members, me);
  if (people && !fresh) tellWhoCameAndWent(people, members);
  people = members;
  seen.set(room, (seen.get(room) ?? 0) + messages.length);
  refreshRooms();
}

function reachable(yes) {
  if (yes && online === false) element("message-error").textContent = "";
  online = yes;
  showConnection(yes);
}

function tellWhoCameAndWent(before, now) {
  for (const name of now) if (!before.includes(name) && name !== me) log.note(`${name} came in`);
  for (const name of before) if (!now.includes(name) && name !== me) log.note(`${name} left`);
}

async function refreshRooms() {
  if (!room || document.hidden || element("chat").hidden) return;
  try {
    const { rooms } = await api.rooms();
    for (const each of rooms) {
      // Not seen so far, or counted anew by a new server: what is there now is not news.
      if (each.name === room || !seen.has(each.name) || seen.get(each.name) > each.posted) seen.set(each.name, each.posted);
    }
    showRooms(rooms, room, (each) => each.posted - seen.get(each.name), (name) => guarded("room-error", () => enter(name)));
  } catch {
    // The reader sees the same trouble, and shows it.
  }
}

// The room that the address names, or the first one if that is no name for a room.
async function enterFromAddress() {
  try {
    await enter(roomOfAddress());
  } catch (error) {
    if (error.code !== "bad_name") throw error;
    await enter(FIRST_ROOM);
  }
}

function roomOfAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || FIRST_ROOM;
  } catch {
    return FIRST_ROOM;
  }
}

element("room-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = element("room-name");
  await guarded("room-error", async () => {
    await enter(input.value);
    input.value = "";
  });
});

window.addEventListener("hashchange", () => {
  if (me && roomOfAddress() !== room) guarded("room-error", () => enter(roomOfAddress()));
});

setInterval(refreshRooms, ROOMS_EVERY);

// Messages

async function send() {
  const input = element("message");
  const text = input.value.trim();
  if (!text) return;
  const key = unsent?.text === text ? unsent.key : crypto.randomUUID();
  unsent = { text, key };
  input.value = "";
  fitComposer();
  const sent = await guarded("message-error", () => api.post(room, text, key));
  if (sent) unsent = null;
  else if (!input.value) input.value = text;
  fitComposer();
}

function fitComposer() {
  const input = element("message");
  input.style.height = "auto";
  // The height is that of the border box, and the content does not count the border.
  input.style.height = `${input.scrollHeight + input.offsetHeight - input.clientHeight}px`;
  const left = input.maxLength - input.value.length;
  element("room-left").textContent = left < TELL_LEFT_BELOW ? `· ${left} characters left` : "";
}

element("message").addEventListener("input", fitComposer);
element("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
element("message-form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});

// The page itself

// Runs `action`; shows what went wrong in the element of that id. True when all went well.
async function guarded(id, action) {
  const place = element(id);
  place.textContent = "";
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    place.textContent = error.message;
    return false;
  }
}

function showTitle() {
  document.title = `${unseen ? `(${unseen}) ` : ""}${room} · Chat room`;
}

function openPanel(name) {
  document.body.dataset.panel = name;
  element("shade").hidden = false;
}

function closePanels() {
  delete document.body.dataset.panel;
  element("shade").hidden = true;
}

element("show-rooms").addEventListener("click", () => openPanel("rooms"));
element("show-people").addEventListener("click", () => openPanel("people"));
element("shade").addEventListener("click", closePanels);
window.addEventListener("keydown", (event) => event.key === "Escape" && closePanels());

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !room) return;
  unseen = 0;
  showTitle();
  refreshRooms();
});

window.addEventListener("pagehide", () => {
  if (room) api.leave(room).catch(() => {});
});

async function begin() {
  const user = JSON.parse(sessionStorage.getItem("user") ?? "null");
  if (!user) return showWelcome();
  me = user.name;
  api.token = user.token;
  element("me").textContent = me;
  try {
    await enterFromAddress().catch(async (error) => {
      if (error.code !== "unknown_user") throw error;
      await signIn(me);
      await enterFromAddress();
    });
  } catch (error) {
    showWelcome(error.message);
  }
}

begin();
