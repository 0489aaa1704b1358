// The fetcher of GraphiQL: runs operations.
import { getOperationAST, parse } from "graphql";
import { takeTokenOf } from "./account.js";
import { attachments } from "./attachment.js";
import { place } from "./place.js";
import { post } from "./request.js";
import { session } from "./session.js";
import { listen } from "./socket.js";

export async function fetcher({ query, variables, operationName }, { headers } = {}) {
  const definition = definitionOf(query, operationName);
  const name = definition?.name?.value ?? operationName;
  const operation = { query, ...(variables && { variables }), ...(name && { operationName: name }) };
  if (definition?.operation === "subscription") return listen(operation);
  const files = definition ? attachments.of(definition.name?.value) : [];
  const placed = files.length ? place(files, variables, definition) : null;
  const result = await post(operation, { headers, placed, token: session.get()?.token });
  await takeTokenOf(result).catch(() => {}); // the result is shown even if this fails
  return result;
}

/**
 * The operation to run; null if the document has a syntax error, which the server reports. Just after the user has
 * switched tabs, GraphiQL still passes the operation name of the previous tab: then it is the only operation.
 */
function definitionOf(query, operationName) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return null;
  }
}
