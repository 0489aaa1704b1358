import { useState, useSyncExternalStore } from "react";
import { Button } from "@graphiql/react";
import { signIn, signOut } from "../account.js";
import { session } from "../session.js";

export const useSession = () => useSyncExternalStore(session.subscribe, session.get);

/** The panel that signs in and out; `demo` is the `demo` of /page.json. */
export const sessionPanel = (demo) => ({
  title: "Sign in",
  icon: () => (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5">
      <circle cx="12" cy="8" r="4" />
      <path d="M4 21c0-4.4 3.6-7 8-7s8 2.6 8 7" strokeLinecap="round" />
    </svg>
  ),
  content: () => <Session demo={demo} />,
});

function Session({ demo }) {
  const current = useSession();
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const attempt = async (work) => {
    setBusy(true);
    setError("");
    await work().catch((reason) => setError(reason.message));
    setBusy(false);
  };
  return (
    <section className="sotto-panel">
      <h2>Sign in</h2>
      <p role="status" className="sotto-row">
        <span>{current ? <>Signed in as <strong>{current.username}</strong>.</> : "Not signed in."}</span>
        {current && <Button disabled={isBusy} onClick={() => attempt(signOut)}>Sign out</Button>}
      </p>
      {demo && <DemoPeople demo={demo} isBusy={isBusy} attempt={attempt} />}
      <Form isBusy={isBusy} attempt={attempt} />
      {error && <p role="alert">{error}</p>}
      <p className="sotto-note">
        The token is sent with every request of this page, and on a WebSocket in <code>connection_init</code>. It is
        kept for this tab and shared with the chat page.
      </p>
    </section>
  );
}

function DemoPeople({ demo, isBusy, attempt }) {
  return (
    <p className="sotto-row">
      {demo.usernames.map((username) => (
        <Button key={username} disabled={isBusy} onClick={() => attempt(() => signIn(username, demo.password))}>
          {username}
        </Button>
      ))}
    </p>
  );
}

function Form({ isBusy, attempt }) {
  const submit = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { username, password } = Object.fromEntries(new FormData(form));
    attempt(async () => {
      await signIn(username, password);
      form.reset();
    });
  };
  return (
    <form onSubmit={submit}>
      <label>
        Username <input name="username" autoComplete="username" autoCapitalize="none" spellCheck="false" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <Button type="submit" disabled={isBusy}>Sign in</Button>
    </form>
  );
}
