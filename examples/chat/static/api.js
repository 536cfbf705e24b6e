// Talks to the server: JSON in, JSON out, and one class of error for whatever goes wrong.

export class Problem extends Error {
  // `code` is the server's, or "offline" when it could not be reached.
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class Api {
  token = null;

  register(name) {
    return this.#call("POST", "/api/users", { name });
  }

  unregister() {
    return this.#call("DELETE", "/api/users");
  }

  rooms() {
    return this.#call("GET", "/api/rooms");
  }

  openRoom(name) {
    return this.#call("POST", "/api/rooms", { name });
  }

  join(room) {
    return this.#call("POST", `${path(room)}/members`);
  }

  // Also used while the page is being closed, hence `keepalive`.
  leave(room) {
    return this.#call("DELETE", `${path(room)}/members`, undefined, { keepalive: true });
  }

  post(room, text, key) {
    return this.#call("POST", `${path(room)}/messages`, { text, key });
  }

  news(room, cursor, signal) {
    return this.#call("GET", `${path(room)}/news?after=${encodeURIComponent(cursor)}`, undefined, { signal });
  }

  async #call(method, url, body, options = {}) {
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body) headers["Content-Type"] = "application/json";
    let response;
    let answer;
    try {
      response = await fetch(url, { method, headers, body: body && JSON.stringify(body), ...options });
      answer = response.status === 204 ? null : await response.json();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem("offline", "The server cannot be reached.");
    }
    if (!response.ok) throw new Problem(answer?.error?.code ?? "unknown", answer?.error?.message ?? response.statusText);
    return answer;
  }
}

function path(room) {
  return `/api/rooms/${encodeURIComponent(room)}`;
}
