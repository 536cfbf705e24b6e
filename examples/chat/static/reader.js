// Follows one room: polls for news with the cursor of the last answer, for ever, through whatever goes wrong.
//
// A poll that failed is repeated with the same cursor, so nothing is lost; an answer is used once and moves the cursor,
// so nothing comes twice.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

export class Reader {
  #api;
  #room;
  #on;
  #stop = new AbortController();

  // `on.news(answer)`, `on.online()`, `on.offline()`; `on.lost()` must get a new token, and may throw to give up.
  constructor(api, room, on) {
    this.#api = api;
    this.#room = room;
    this.#on = on;
  }

  stop() {
    this.#stop.abort();
  }

  async run() {
    const { signal } = this.#stop;
    let cursor = "";
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        const answer = await this.#api.news(this.#room, cursor, signal);
        if (signal.aborted) return;
        cursor = answer.cursor;
        pause = FIRST_PAUSE;
        this.#on.online();
        this.#on.news(answer);
      } catch (error) {
        if (signal.aborted) return;
        if (await this.#recover(error)) continue;
        this.#on.offline();
        await sleep(pause, signal);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  // True when the poll can be repeated at once.
  async #recover(error) {
    try {
      switch (error.code) {
        case "unknown_user":
          await this.#on.lost();
          return true;
        case "unknown_room":
          await this.#api.openRoom(this.#room);
          return true;
        case "not_a_member":
          await this.#api.join(this.#room);
          return true;
        default:
          return false;
      }
    } catch {
      return false;
    }
  }
}

function sleep(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done, { once: true });
    signal.addEventListener("abort", done, { once: true });
  });
}
