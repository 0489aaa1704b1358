// Subscriptions, over graphql-transport-ws: one socket, with the bearer in the payload of `connection_init`.
import { createClient } from "graphql-ws";
import { session } from "./session.js";

const address = new URL("/graphql", location.href);
address.protocol = address.protocol === "https:" ? "wss:" : "ws:";

const client = createClient({
  url: address.href,
  connectionParams: () => {
    const token = session.get()?.token;
    return token ? { authorization: `Bearer ${token}` } : {};
  },
  retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, retries ? 250 * 2 ** retries : 0)),
});

session.subscribe(() => client.terminate()); // what listens goes on, as whoever is signed in from now on

/** An observable of results; what ends it badly is its last result, in GraphQL's shape. */
export function listen(operation) {
  return {
    subscribe({ next, complete }) {
      const fail = (reason) => {
        next({ errors: errorsOf(reason) });
        complete();
      };
      return { unsubscribe: client.subscribe(operation, { next, complete, error: fail }) };
    },
  };
}

/** graphql-ws gives GraphQL's errors, the event of a closed socket, or an Error. */
function errorsOf(reason) {
  if (Array.isArray(reason)) return reason;
  if (typeof reason?.code === "number") {
    return [{ message: `The connection was closed: ${reason.code} ${reason.reason || "without a reason"}.` }];
  }
  return [{ message: reason?.message || "The server did not answer. Is it still running?" }];
}
