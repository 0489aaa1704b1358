// GraphQL over HTTP: JSON, or the multipart request specification where files go along.
import { session } from "./session.js";

const ACCEPT = "application/graphql-response+json, application/json;q=0.9";

/**
 * What the server answered, GraphQL's errors included; throws an Error with a sentence where it was no GraphQL.
 * `placed` are files as `place` of attachment.js gives them; `headers` go before those made here.
 */
export async function post(operation, { headers = {}, placed = null, token = null } = {}) {
  const sent = new Headers({ Accept: ACCEPT });
  if (token) sent.set("Authorization", `Bearer ${token}`);
  let body = JSON.stringify(operation);
  if (placed) {
    body = formOf(operation, placed);
    sent.set("GraphQL-Require-Preflight", "1"); // without a token a form is refused that a foreign page could send
  } else {
    sent.set("Content-Type", "application/json");
  }
  for (const [name, value] of Object.entries(headers)) sent.set(name, String(value));
  let response;
  try {
    response = await fetch("/graphql", { method: "POST", headers: sent, body });
  } catch {
    throw new Error("The server did not answer. Is it still running?");
  }
  const result = await response.json().catch(() => null);
  if (result === null || typeof result !== "object") {
    throw new Error(`The server answered ${response.status} ${response.statusText}, and it was not GraphQL.`);
  }
  if (response.status === 401 && token) session.forget(token); // it ended; else it would refuse even signing in
  return result;
}

/** `operations`, then `map`, then the files: the order that the specification asks for. */
function formOf(operation, { variables, files }) {
  const form = new FormData();
  form.append("operations", JSON.stringify({ ...operation, variables }));
  form.append("map", JSON.stringify(Object.fromEntries(files.map(({ path }, at) => [at, [`variables.${path}`]]))));
  files.forEach(({ file }, at) => form.append(String(at), file, file.name));
  return form;
}
