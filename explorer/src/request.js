// GraphQL over HTTP: JSON, or multipart requests if there are files.
import { session } from "./session.js";

const ACCEPT = "application/graphql-response+json, application/json;q=0.9";

/**
 * Returns the GraphQL response, including its errors; throws an Error if the response is not GraphQL. `placed` is the
 * result of `place` in place.js; `headers` override the default headers.
 */
export async function post(operation, { headers = {}, placed = null, token = null } = {}) {
  const sent = new Headers({ Accept: ACCEPT });
  if (token) sent.set("Authorization", `Bearer ${token}`);
  let body = JSON.stringify(operation);
  if (placed) {
    body = formOf(operation, placed);
    sent.set("GraphQL-Require-Preflight", "1"); // required for multipart requests without a token
  } else {
    sent.set("Content-Type", "application/json");
  }
  for (const [name, value] of Object.entries(headers)) sent.set(name, String(value));
  let response;
  try {
    response = await fetch("/graphql", { method: "POST", headers: sent, body });
  } catch {
    throw new Error("The server did not respond. Check that it is running.");
  }
  const result = await response.json().catch(() => null);
  if (result === null || typeof result !== "object") {
    throw new Error(`The server responded with ${response.status} ${response.statusText}, which is not a GraphQL response.`);
  }
  if (response.status === 401 && token) session.forget(token); // otherwise even sign-in would be refused
  return result;
}

/** `operations`, `map` and the files, in the order that the specification requires. */
function formOf(operation, { variables, files }) {
  const form = new FormData();
  form.append("operations", JSON.stringify({ ...operation, variables }));
  form.append("map", JSON.stringify(Object.fromEntries(files.map(({ path }, at) => [at, [`variables.${path}`]]))));
  files.forEach(({ file }, at) => form.append(String(at), file, file.name));
  return form;
}
