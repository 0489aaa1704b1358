// Signs in and out, and takes over the token of a `signIn` or `signUp` that the user runs.
import { post } from "./request.js";
import { session } from "./session.js";

const SIGN_IN = `mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    ... on SignInSuccess { token }
    ... on UserError { detail }
  }
}`;
const SIGN_OUT = "mutation { signOut(input: {}) { __typename } }";
const WHO = "{ viewer { user { username } } }";

/** Throws an Error with the reason if the sign-in fails. */
export async function signIn(username, password) {
  const input = { username, password, deviceName: "GraphiQL" };
  const { data, errors } = await post({ query: SIGN_IN, variables: { input } });
  if (!data?.signIn?.token) throw new Error(data?.signIn?.detail ?? errors?.[0]?.message ?? "Signing in failed.");
  await takeTokenOf({ data });
}

/** Ends the session here, and on the server if it can be reached. */
export async function signOut() {
  const token = session.get()?.token;
  if (!token) return;
  await post({ query: SIGN_OUT }, { token }).catch(() => {});
  session.forget(token);
}

/** Signs in with the token of `signIn` or `signUp` in a result, if there is one. */
export async function takeTokenOf(result) {
  const token = result?.data?.signIn?.token ?? result?.data?.signUp?.token;
  if (typeof token !== "string") return;
  const { data } = await post({ query: WHO }, { token });
  if (data?.viewer) session.take(token, data.viewer.user.username);
}

/** Checks the session; `post` forgets it if the server rejects it. */
export async function checkSession() {
  const token = session.get()?.token;
  if (token) await post({ query: WHO }, { token }).catch(() => {});
}
