// Draws. Text from people gets into the page as text nodes only, never as HTML.

const GROUP_SECONDS = 300;
const TODAY = "Today";
const NEAR_END = 80;
const LINK = /(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]}'])/;

export const element = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export class Log {
  #node = element("log");
  #button = element("to-end");
  #previous = null;
  #below = 0;

  constructor() {
    this.#button.addEventListener("click", () => this.toEnd());
    this.#node.addEventListener("scroll", () => this.#atEnd() && this.#seen());
    // When the keyboard of a phone opens or the composer grows, the end stays in sight.
    new ResizeObserver(() => this.#below || this.toEnd()).observe(this.#node);
  }

  clear() {
    this.#node.replaceChildren();
    this.#previous = null;
    this.#seen();
  }

  add(messages, me) {
    if (messages.length) this.#node.querySelector(".placeholder")?.remove();
    const stay = !this.#atEnd() && !messages.some((message) => message.name === me);
    for (const message of messages) this.#node.append(...this.#lines(message, me));
    if (stay) this.#notSeen(messages.length);
    else this.toEnd();
  }

  note(text) {
    const stay = !this.#atEnd();
    this.#node.append(make("p", { className: "note", textContent: text }));
    this.#previous = null;
    if (!stay) this.toEnd();
  }

  empty() {
    if (this.#node.childElementCount) return;
    this.#node.append(make("p", { className: "note placeholder", textContent: "Nothing has been said here yet. Be the first." }));
  }

  toEnd() {
    this.#node.scrollTop = this.#node.scrollHeight;
    this.#seen();
  }

  *#lines(message, me) {
    const when = new Date(message.time * 1000);
    const previous = this.#previous;
    const sameDay = previous && when.toDateString() === previous.when.toDateString();
    if (!sameDay && (previous || day(when) !== TODAY)) yield make("p", { className: "note", textContent: day(when) });
    const grouped = sameDay && previous.name === message.name && when - previous.when < GROUP_SECONDS * 1000;
    this.#previous = { name: message.name, when };

    const line = make("article", { className: "message" });
    line.classList.toggle("mine", message.name === me);
    line.classList.toggle("grouped", Boolean(grouped));
    const time = make("time", { dateTime: when.toISOString(), title: when.toLocaleString(), textContent: clock(when) });
    const head = make("header", {}, make("b", { textContent: message.name }), time);
    line.append(avatar(message.name), make("div", { className: "bubble" }, head, body(message.text)));
    yield line;
  }

  #atEnd() {
    return this.#node.scrollHeight - this.#node.scrollTop - this.#node.clientHeight < NEAR_END;
  }

  #seen() {
    this.#below = 0;
    this.#button.hidden = true;
  }

  #notSeen(count) {
    this.#below += count;
    if (!this.#below) return;
    this.#button.textContent = `↓ ${this.#below} new ${this.#below === 1 ? "message" : "messages"}`;
    this.#button.hidden = false;
  }
}

export function showRooms(rooms, current, unread, choose) {
  element("rooms").replaceChildren(...rooms.map((room) => {
    const button = make("button", { type: "button" }, make("span", { className: "label", textContent: room.name }));
    if (room.name === current) button.setAttribute("aria-current", "true");
    const news = unread(room);
    if (news) button.append(make("span", { className: "badge", textContent: news > 99 ? "99+" : news, title: "unread" }));
    else if (room.members) button.append(make("span", { className: "count", textContent: room.members, title: "people inside" }));
    button.addEventListener("click", () => choose(room.name));
    return make("li", {}, button);
  }));
}

export function showPeople(names, me) {
  element("people").replaceChildren(...names.map((name) => {
    const label = make("span", { className: "label", textContent: name, title: name });
    if (name === me) label.append(make("i", { textContent: " (you)" }));
    return make("li", {}, avatar(name), label);
  }));
  element("show-people").textContent = `${names.length} here`;
}

export function showConnection(online) {
  const node = element("connection");
  node.classList.toggle("offline", !online);
  node.textContent = online ? "online" : "offline, trying again…";
}

function avatar(name) {
  const node = make("span", { className: "avatar", textContent: [...name][0].toUpperCase(), ariaHidden: "true" });
  let hue = 0;
  for (const character of name) hue = (hue * 31 + character.codePointAt(0)) % 360;
  node.style.setProperty("--hue", hue);
  return node;
}

function body(text) {
  const node = make("p", { className: "text" });
  // Splitting by a group keeps what it matched, at the odd places.
  text.split(LINK).forEach((part, index) => {
    if (index % 2) node.append(make("a", { href: part, textContent: part, target: "_blank", rel: "noopener noreferrer" }));
    else node.append(part);
  });
  return node;
}

function clock(when) {
  return when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function day(when) {
  if (when.toDateString() === new Date().toDateString()) return TODAY;
  return when.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}
