import "./policy.js";
import "./worker.js";
import "graphiql/style.css";
import "./style.css";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { createRoot } from "react-dom/client";
import { checkSession } from "./account.js";
import { attachments } from "./attachment.js";
import { fetcher } from "./fetcher.js";
import { attachmentPanel } from "./panel/attachment.jsx";
import { sessionPanel } from "./panel/session.jsx";
import { LinkedOperation, Status, Wrapped } from "./panel/status.jsx";
import { storage } from "./storage.js";
import { beginning, tabsFor, takeLink } from "./tab.js";

const NARROW = matchMedia("(max-width: 700px)").matches;

async function start() {
  const [info] = await Promise.all([fetch("/page.json").then((response) => response.json()), checkSession()]);
  const link = takeLink();
  const panel = sessionPanel(info.demo);
  attachments.add("SendFile", "input.attachments.0.file", new File(["Meet me at the harbour.\n"], "notes.txt"));
  createRoot(document.getElementById("explorer")).render(
    <GraphiQL
      fetcher={fetcher}
      storage={storage}
      plugins={[panel, attachmentPanel, HISTORY_PLUGIN]}
      visiblePlugin={NARROW || link ? undefined : panel}
      defaultEditorToolsVisibility="variables"
      showPersistHeadersSettings={false}
      inputValueDeprecation
      schemaDescription
      {...beginning(tabsFor(info.demo), link)}
    >
      <GraphiQL.Logo>
        <a className="graphiql-logo-link" href="/">
          Sotto
        </a>
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <Status />
        <Wrapped />
        {link?.operationName && <LinkedOperation name={link.operationName} />}
      </GraphiQL.Footer>
    </GraphiQL>,
  );
}

start().catch((reason) => {
  document.getElementById("explorer").textContent = `GraphiQL could not start: ${reason.message} Reload the page to try again.`;
});
