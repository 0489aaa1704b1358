import { useEffect, useRef } from "react";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { sizeOf } from "../size.js";
import { useAttachments, useOperation } from "./attachment.jsx";
import { useSession } from "./session.jsx";

/** The status line below the response: who is signed in, and which files are sent. */
export function Status() {
  const current = useSession();
  const { name } = useOperation();
  const files = useAttachments().filter(({ operation }) => operation === name);
  return (
    <p className="sotto-status">
      {current ? <>Signed in as <strong>{current.username}</strong></> : "Not signed in"}
      {files.map(({ path, file }) => (
        <span key={path}>
          {" · "}
          {file.name}, {sizeOf(file.size)}, sent as <code>{path}</code>
        </span>
      ))}
    </p>
  );
}

/** Wraps long lines, because the editor is narrow. */
export function Wrapped() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => editor?.updateOptions({ wordWrap: "on" }), [editor]);
  return null;
}

/** Selects the operation that a link names, once its document has been parsed. */
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
