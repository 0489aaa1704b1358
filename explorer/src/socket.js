// Subscriptions over graphql-transport-ws: one socket, with the token in the payload of `connection_init`.
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

session.subscribe(() => client.terminate()); // reconnects open subscriptions as the new user

/** An observable of results; an error becomes its last result, as GraphQL errors. */
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

/** graphql-ws reports GraphQL errors, the close event of a socket, or an Error. */
function errorsOf(reason) {
  if (Array.isArray(reason)) return reason;
  if (typeof reason?.code === "number") {
    return [{ message: `The connection was closed: ${reason.code} ${reason.reason || "without a reason"}.` }];
  }
  return [{ message: reason?.message || "The server did not respond. Check that it is running." }];
}
