// Sends requests in a session, and keeps a history of them for the drawer.

import { QUERIES } from "./query.js";

const KEY = "sotto.session";
const HISTORY = 20;
const ANSWER_MS = 30_000;
const BACKGROUND = new Set([
  "welcome",
  "delivered",
  "read",
  "typing",
  "conversation",
  "thumbnail",
  "uploadType",
  "presences",
  "users",
  "devices",
]);

const FINAL = new Set(["TYPE_NOT_ALLOWED", "UNSAFE", "EMPTY", "TOO_LARGE", "INVALID_INPUT"]);

/** An error with its code, message and the other fields of the response. `OFFLINE`: there was no response. */
export class ApiError extends Error {
  constructor(code, detail, data = {}) {
    super(detail);
    this.code = code;
    this.data = data;
  }

  /** Whether retrying cannot help, because the input itself is wrong, such as the content of a file. */
  get isFinal() {
    const rejections = this.data.attachmentRejections ?? [{ reason: this.code, isRetryable: false }];
    return rejections.some(({ reason, isRetryable }) => !isRetryable && FINAL.has(reason));
  }

  /** Whether the same request can succeed later. Refusals say so themselves. */
  get isRetryable() {
    const codes = ["OFFLINE", "UNAVAILABLE", "TIMEOUT", "RATE_LIMITED", "INTERNAL"];
    return this.data.isRetryable ?? codes.includes(this.code);
  }
}

export class Api extends EventTarget {
  /** Operations, newest first: `{name, document, variables, response, milliseconds, isByUser}`. */
  history = [];

  /** `{token, username}` of this tab, or the one that stays signed in; null if signed out. */
  session = JSON.parse(sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "null");

  begin(session, stay) {
    this.session = session;
    sessionStorage.setItem(KEY, JSON.stringify(session));
    if (stay) localStorage.setItem(KEY, JSON.stringify(session));
  }

  end() {
    if (localStorage.getItem(KEY) === JSON.stringify(this.session)) localStorage.removeItem(KEY);
    sessionStorage.removeItem(KEY);
    this.session = null;
    this.history = [];
  }

  get authorization() {
    return this.session ? `Bearer ${this.session.token}` : "";
  }

  /** Runs an operation of QUERIES and returns its data; throws ApiError. */
  async query(name, variables = {}) {
    const entry = this.note(name, variables);
    const { session } = this;
    const began = performance.now();
    const answer = await this.#post(entry.document, variables);
    entry.milliseconds = Math.round(performance.now() - began);
    entry.response = masked(answer);
    this.dispatchEvent(new Event("sent"));
    if (answer.errors) throw this.#refused(answer.errors[0], session);
    return answer.data;
  }

  /** Runs a mutation and returns its success type; throws ApiError for all errors. */
  async mutate(name, input) {
    const [result] = Object.values(await this.query(name, { input }));
    if (!result.__typename.endsWith("Success")) throw new ApiError(result.code, result.detail, result);
    return result;
  }

  /** Adds an operation to the history. */
  note(name, variables) {
    const entry = {
      name,
      document: QUERIES[name],
      variables: masked(variables),
      response: null,
      milliseconds: null,
      isByUser: !BACKGROUND.has(name),
    };
    this.history.unshift(entry);
    this.history.length = Math.min(this.history.length, HISTORY);
    this.dispatchEvent(new Event("sent"));
    return entry;
  }

  async #post(query, variables) {
    const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json" };
    if (this.session) headers.Authorization = this.authorization;
    try {
      const body = JSON.stringify({ query, variables });
      const signal = AbortSignal.timeout(ANSWER_MS);
      return await (await fetch("/graphql", { method: "POST", headers, body, signal })).json();
    } catch {
      throw new ApiError("OFFLINE", "");
    }
  }

  /** Announces the end of the session once; a late response to a previous session is ignored. */
  #refused(error, session) {
    const code = error.extensions?.code ?? "INTERNAL";
    const ended = ["UNAUTHENTICATED", "ACCOUNT_SUSPENDED", "ACCOUNT_DEACTIVATED"];
    if (session && session === this.session && ended.includes(code))
      this.dispatchEvent(new CustomEvent("ended", { detail: code }));
    return new ApiError(code, error.message, error.extensions);
  }
}

/** A copy without passwords and tokens, because the drawer may be visible to others. */
function masked(value) {
  return JSON.parse(
    JSON.stringify(value, (key, inner) => (/password|token/i.test(key) && typeof inner === "string" ? "…" : inner)),
  );
}
