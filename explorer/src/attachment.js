// Files to upload: each belongs to an operation, by name, and to a path in its variables.
let all = [];
const listeners = new Set();

function change(next) {
  all = next;
  listeners.forEach((listener) => listener());
}

export const attachments = {
  /** All files as `{ operation, path, file }`; the same array until it changes. */
  get: () => all,
  /** The files of an operation; an anonymous operation has the empty name. */
  of: (operation = "") => all.filter((each) => each.operation === operation),
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  /** Adds a file; replaces the one at the same path. */
  add(operation, path, file) {
    change([...all.filter((each) => each.operation !== operation || each.path !== path), { operation, path, file }]);
  },
  remove(gone) {
    change(all.filter((each) => each !== gone));
  },
};
