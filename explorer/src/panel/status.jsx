import { useEffect, useRef } from "react";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { sizeOf } from "../size.js";
import { useAttachments, useOperation } from "./attachment.jsx";
import { useSession } from "./session.jsx";

/** The line below the answer: who asks, and which files go along. */
export function Status() {
  const current = useSession();
  const { name } = useOperation();
  const files = useAttachments().filter(({ operation }) => operation === name);
  return (
    <p className="sotto-status">
      {current ? <>Signed in as <strong>{current.username}</strong></> : "Nobody is signed in"}
      {files.map(({ path, file }) => (
        <span key={path}>
          {" · "}
          {file.name}, {sizeOf(file.size)}, goes to <code>{path}</code>
        </span>
      ))}
    </p>
  );
}

/** Breaks the long lines of operations: the editor is narrow, and narrower on a phone. */
export function Wrapped() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => editor?.updateOptions({ wordWrap: "on" }), [editor]);
  return null;
}

/** Chooses the operation that a link names, once its document is read. */
export function LinkedOperation({ name }) {
  const actions = useGraphiQLActions();
  const operations = useGraphiQL((state) => state.operations);
  const isDone = useRef(false);
  useEffect(() => {
    if (isDone.current || !operations?.some((each) => each.name?.value === name)) return;
    isDone.current = true;
    actions.setOperationName(name);
  }, [actions, operations, name]);
  return null;
}
