// Who is signed in: the same entry that the chat page reads and writes, so that one tab has one person in both.
const KEY = "sotto.session";
const listeners = new Set();

/** The entry of this tab, else the one that stays; null for nobody, and for what is no session. */
function read() {
  for (const place of [sessionStorage, localStorage]) {
    try {
      const { token, username } = JSON.parse(place.getItem(KEY));
      if (typeof token === "string" && typeof username === "string") return { token, username };
    } catch {
      // nothing there, or nothing of ours
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
  /** Calls the listener after each change; returns what ends that. */
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  /** Signs in, in this tab alone. */
  take(token, username) {
    sessionStorage.setItem(KEY, JSON.stringify({ token, username }));
    refresh();
  },
  /** Forgets this token wherever it is kept; that of somebody else stays. */
  forget(token) {
    for (const place of [sessionStorage, localStorage]) {
      if ((place.getItem(KEY) ?? "").includes(JSON.stringify(token))) place.removeItem(KEY);
    }
    refresh();
  },
};
