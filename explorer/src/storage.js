// The storage of GraphiQL. Variables can contain a password, so tabs and history are kept only for the session of the
// browser tab; the theme and the layout are kept permanently.
const LASTING = /^graphiql:(theme|visiblePlugin|.*Flex)$/;

const placeOf = (key) => (LASTING.test(key) ? localStorage : sessionStorage);
const keys = () => [...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter((key) => key.startsWith("graphiql:"));

export const storage = {
  getItem: (key) => placeOf(key).getItem(key),
  setItem: (key, value) => placeOf(key).setItem(key, value),
  removeItem: (key) => placeOf(key).removeItem(key),
  clear: () => keys().forEach((key) => placeOf(key).removeItem(key)),
  get length() {
    return keys().length;
  },
};

storage.getItem("graphiql:docExplorerFlex") ?? storage.setItem("graphiql:docExplorerFlex", "0.25"); // leaves more room for the editors
