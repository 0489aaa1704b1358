// What GraphiQL calls to run an operation.
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
  await takeTokenOf(result).catch(() => {}); // the answer is shown whatever becomes of its token
  return result;
}

/**
 * The operation that will be run; null where the document is not GraphQL, which the server says better. Just after
 * another tab was opened GraphiQL still has the name of the last one: then the only operation is meant.
 */
function definitionOf(query, operationName) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return null;
  }
}
