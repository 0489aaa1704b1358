// The requests of this page, and the session they are made in. What was sent last is kept for the drawer.

import { QUERIES } from "./query.js";

const KEY = "sotto.session";
const KEPT = 20;
const ANSWER_MS = 30_000;
const BY_ITSELF = new Set([
  "welcome",
  "receipts",
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

/** A refusal: its code, a sentence, and what the answer said besides. `OFFLINE` is a request that got no answer. */
export class ApiError extends Error {
  constructor(code, detail, data = {}) {
    super(detail);
    this.code = code;
    this.data = data;
  }

  /** Whether it will be the same with every try, because the input itself is at fault: a file by its content, say. */
  get isFinal() {
    const rejections = this.data.attachmentRejections ?? [{ reason: this.code, isRetryable: false }];
    return rejections.some(({ reason, isRetryable }) => !isRetryable && FINAL.has(reason));
  }

  /** Whether the same request may pass a little later. */
  get isRetryable() {
    return ["OFFLINE", "UNAVAILABLE", "TIMEOUT", "RATE_LIMITED", "INTERNAL"].includes(this.code);
  }
}

export class Api extends EventTarget {
  /** What was sent, newest first: `{name, document, variables, response, milliseconds, isChosen}`, the last by a person. */
  history = [];

  /** `{token, username}`; of this tab, or the one that stays signed in; null for nobody. */
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

  /** Runs a query of QUERIES; returns its data, raises ApiError. */
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

  /** Runs a mutation; returns its success, raises ApiError for every refusal. */
  async mutate(name, input) {
    const [result] = Object.values(await this.query(name, { input }));
    if (!result.__typename.endsWith("Success")) throw new ApiError(result.code, result.detail, result);
    return result;
  }

  /** Puts an operation into the history. */
  note(name, variables) {
    const entry = {
      name,
      document: QUERIES[name],
      variables: masked(variables),
      response: null,
      milliseconds: null,
      isChosen: !BY_ITSELF.has(name),
    };
    this.history.unshift(entry);
    this.history.length = Math.min(this.history.length, KEPT);
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

  /** A session that has ended is told once; a late answer to the one before ends nothing. */
  #refused(error, session) {
    const code = error.extensions?.code ?? "INTERNAL";
    const ended = ["UNAUTHENTICATED", "ACCOUNT_SUSPENDED", "ACCOUNT_DEACTIVATED"];
    if (session && session === this.session && ended.includes(code))
      this.dispatchEvent(new CustomEvent("ended", { detail: code }));
    return new ApiError(code, error.message, error.extensions);
  }
}

/** The same without passwords and tokens: the drawer may be on a screen that others see. */
function masked(value) {
  return JSON.parse(
    JSON.stringify(value, (key, inner) => (/password|token/i.test(key) && typeof inner === "string" ? "…" : inner)),
  );
}
