// Mercurius with its JIT on the tables of Sotto: node server.js DATABASE [--group]. Prints its URL.
// With --group, sends that arrive in one round of the event loop share a COMMIT; otherwise each has its own.
import fs from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";
import { Rejected, Store } from "./store.js";

const [path, ...flags] = process.argv.slice(2);
const store = new Store(path, flags.includes("--group"));

const viewerOf = (context) => {
  if (!context.viewer) throw new mercurius.ErrorWithProps("Sign in.");
  return context.viewer;
};
const topicOf = (userId) => `user ${userId}`;

const resolvers = {
  Query: {
    conversation: (_, { id }, context) => store.conversation(viewerOf(context), id),
    conversations: (_, { first }, context) => store.inbox(viewerOf(context), first ?? 50),
  },
  Conversation: {
    messages: ({ row }, { last }, context) => store.page(viewerOf(context), row, last ?? 50),
  },
  SendPrivateMessageResult: {
    resolveType: (result) => (result.message ? "SendPrivateMessageSuccess" : "RecipientsRejectedError"),
  },
  Mutation: {
    sendPrivateMessage: async (_, { input }, context) => {
      const { to, text, clientMessageId } = input;
      try {
        const message = await store.send(viewerOf(context), to, text, clientMessageId);
        const payload = { privateMessageReceived: { cursor: message.id, isReplay: false, message } };
        for (const member of message.members) context.pubsub.publish({ topic: topicOf(member), payload });
        return { message };
      } catch (error) {
        if (error instanceof Rejected) return { detail: error.message };
        throw error;
      }
    },
  },
  Subscription: {
    privateMessageReceived: {
      subscribe: (_, __, context) => context.pubsub.subscribe(topicOf(viewerOf(context).id)),
    },
  },
};

const app = Fastify({ logger: false });
app.get("/healthz", async () => ({ status: "ok" }));
app.register(mercurius, {
  schema: fs.readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
  resolvers,
  path: "/graphql",
  jit: 1,
  context: (request) => ({ viewer: store.authenticate(request.headers.authorization) }),
  subscription: { onConnect: ({ payload }) => ({ viewer: store.authenticate(payload?.authorization) }) },
});
process.on("SIGTERM", () => process.exit(0));
console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
