// The subscription to `events` over graphql-transport-ws; it reconnects and resumes after the last cursor.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const PING_MS = 15_000;
const LIVE = new Set(["StreamReady", "StreamCaughtUp", "StreamReset"]); // events after these are new

/** Dispatches `event` (detail: the envelope), `live`, `lost`, and `ended` (detail: the close code, 4401 or 4403). */
export class EventStream extends EventTarget {
  #socket = null;
  #wait = FIRST_WAIT;
  #timer = 0;
  #heard = 0;
  #isOver = false;

  constructor(document, authorization, cursor) {
    super();
    this.document = document;
    this.authorization = authorization;
    this.cursor = cursor;
    this.again = () => this.#wait > FIRST_WAIT && !this.#isOver && !this.#socket && this.#connect();
    addEventListener("online", this.again);
    this.#connect();
  }

  close() {
    this.#isOver = true;
    removeEventListener("online", this.again);
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }

  #connect() {
    clearTimeout(this.#timer);
    const address = new URL("/graphql", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(address, "graphql-transport-ws"));
    const send = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
    const beat = setInterval(() => {
      if (Date.now() - this.#heard > 2 * PING_MS) this.#lose(socket, beat, 0);
      else send({ type: "ping" });
    }, PING_MS);
    this.#heard = Date.now();
    socket.onopen = () => send({ type: "connection_init", payload: { authorization: this.authorization } });
    socket.onclose = ({ code }) => this.#lose(socket, beat, code);
    socket.onmessage = ({ data }) => {
      this.#heard = Date.now();
      const message = JSON.parse(data);
      if (message.type === "ping") send({ type: "pong" });
      if (message.type === "connection_ack") {
        send({ type: "subscribe", id: "1", payload: { query: this.document, variables: { after: this.cursor } } });
      }
      if (message.type === "next") this.#take(socket, message.payload);
      if (message.type === "error" || message.type === "complete") socket.close(1000);
    };
  }

  /**
   * Handles an event. One that failed is handled as a reset: everything is loaded again, and the stream goes on from its
   * cursor. Without an envelope it reconnects, and gets the event again, because the cursor is not advanced.
   */
  #take(socket, { data }) {
    const envelope = data?.events;
    if (!envelope) return socket.close(1000);
    const event = envelope.event ?? { __typename: "StreamReset" };
    if (LIVE.has(event.__typename)) {
      this.#wait = FIRST_WAIT;
      this.dispatchEvent(new Event("live"));
    }
    this.dispatchEvent(new CustomEvent("event", { detail: { ...envelope, event } }));
    this.cursor = envelope.cursor ?? this.cursor;
  }

  /** Reconnects with exponential backoff and jitter, unless the session has ended. */
  #lose(socket, beat, code) {
    clearInterval(beat);
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.onclose = null;
    socket.close();
    if (this.#isOver) return;
    if (code === 4401 || code === 4403) {
      this.#isOver = true;
      this.dispatchEvent(new CustomEvent("ended", { detail: code }));
      return;
    }
    this.dispatchEvent(new Event("lost"));
    this.#timer = setTimeout(() => this.#connect(), this.#wait * (0.5 + Math.random()));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}
