// The files that go with operations: each belongs to the operation of one name, at one path of its variables.
let all = [];
const listeners = new Set();

function change(next) {
  all = next;
  listeners.forEach((listener) => listener());
}

export const attachments = {
  /** All of them, `{ operation, path, file }`; the same list until it changes. */
  get: () => all,
  /** Those of an operation; an anonymous one has no name. */
  of: (operation = "") => all.filter((each) => each.operation === operation),
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  /** Adds a file; one that was at the same path gives way. */
  add(operation, path, file) {
    change([...all.filter((each) => each.operation !== operation || each.path !== path), { operation, path, file }]);
  },
  remove(gone) {
    change(all.filter((each) => each !== gone));
  },
};
