import { useState, useSyncExternalStore } from "react";
import { Button, useGraphiQL } from "@graphiql/react";
import { attachments } from "../attachment.js";
import { checkPath, freePath, pathsOf } from "../place.js";
import { sizeOf } from "../size.js";

export const useAttachments = () => useSyncExternalStore(attachments.subscribe, attachments.get);

/** The operation that would run now, and its name (empty if it is anonymous). */
export function useOperation() {
  const { operations, operationName, schema } = useGraphiQL(({ operations, operationName, schema }) => ({
    operations,
    operationName,
    schema,
  }));
  const definition = operations?.find(({ name }) => name?.value === operationName) ?? operations?.[0];
  return { definition, name: definition?.name?.value ?? "", schema };
}

export const attachmentPanel = {
  title: "Files",
  icon: () => (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round">
      <path d="M20 11.5 12 19.5a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L10 17a1.7 1.7 0 0 1-2.4-2.4l7.4-7.4" />
    </svg>
  ),
  content: () => <Attachments />,
};

function Attachments() {
  const all = useAttachments();
  const { definition, name, schema } = useOperation();
  const [typed, setTyped] = useState("");
  const [error, setError] = useState("");
  const suggested = schema ? pathsOf(definition, schema) : [];
  const taken = all.filter(({ operation }) => operation === name).map(({ path }) => path);
  const paths = suggested.map((path) => freePath(path, taken));
  const attach = (files) => {
    try {
      let path = typed || paths[0];
      if (!path) throw new Error("This operation has no variable of type Upload; enter a path first.");
      checkPath(path);
      for (const file of files) {
        attachments.add(name, path, file);
        path = freePath(path, attachments.of(name).map((each) => each.path));
      }
      setTyped("");
      setError("");
    } catch (reason) {
      setError(reason.message);
    }
  };
  return (
    <section className="sotto-panel">
      <h2>Files</h2>
      <p>
        Sent with <strong>{name || "the operation"}</strong> in one multipart request.
      </p>
      <label>
        Variable
        <input
          name="path"
          list="sotto-paths"
          value={typed}
          placeholder={paths[0] ?? "input.attachments.0.file"}
          spellCheck="false"
          onChange={({ target }) => setTyped(target.value.trim().replace(/^\$|^variables\./, ""))}
        />
        <datalist id="sotto-paths">{paths.map((path) => <option key={path} value={path} />)}</datalist>
      </label>
      <DropZone attach={attach} />
      {error && <p role="alert">{error}</p>}
      <List all={all} />
    </section>
  );
}

function DropZone({ attach }) {
  const [isOver, setOver] = useState(false);
  const over = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    attach([...event.dataTransfer.files]);
  };
  const choose = ({ target }) => {
    attach([...target.files]);
    target.value = "";
  };
  return (
    <label className={`sotto-drop ${isOver ? "over" : ""}`} onDragOver={over} onDragLeave={() => setOver(false)} onDrop={drop}>
      Choose files, or drop them here
      <input type="file" multiple onChange={choose} />
    </label>
  );
}

function List({ all }) {
  if (!all.length) return <p className="sotto-note">No file is attached.</p>;
  return (
    <ul aria-label="Attached files">
      {all.map((each) => (
        <li key={`${each.operation} ${each.path}`}>
          <span>
            <strong>{each.file.name}</strong> {sizeOf(each.file.size)}
            <br />
            {each.operation || "the operation"}: <code>{each.path}</code>
          </span>
          <Button aria-label={`Remove ${each.file.name}`} onClick={() => attachments.remove(each)}>Remove</Button>
        </li>
      ))}
    </ul>
  );
}
