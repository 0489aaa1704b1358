// The session. It is shared with the chat page, so that a tab has the same user in both.
const KEY = "sotto.session";
const listeners = new Set();

/** The session of this tab, or else the one that stays signed in; null if there is none. */
function read() {
  for (const place of [sessionStorage, localStorage]) {
    try {
      const { token, username } = JSON.parse(place.getItem(KEY));
      if (typeof token === "string" && typeof username === "string") return { token, username };
    } catch {
      // no session, or not one of ours
    }
  }
  return null;
}

let current = read();

function refresh() {
  const found = read();
  if (found?.token === current?.token && found?.username === current?.username) return;
  current = found;
  listeners.forEach((listener) => listener());
}

addEventListener("storage", refresh);

export const session = {
  /** `{ token, username }` or null; the same object until it changes. */
  get: () => current,
  /** Calls the listener after each change; returns a function that unsubscribes. */
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  /** Signs in, in this tab only. */
  take(token, username) {
    sessionStorage.setItem(KEY, JSON.stringify({ token, username }));
    refresh();
  },
  /** Removes this token from all storage; sessions with other tokens stay. */
  forget(token) {
    for (const place of [sessionStorage, localStorage]) {
      if ((place.getItem(KEY) ?? "").includes(JSON.stringify(token))) place.removeItem(KEY);
    }
    refresh();
  },
};
