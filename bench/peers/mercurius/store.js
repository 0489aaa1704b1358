// The database: what a send stores, and what a page and an inbox show. The statements are those of the server by hand.
import crypto from "node:crypto";
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";

const PRAGMAS = ["journal_mode=wal", "synchronous=full", "wal_autocheckpoint=4000", "cache_size=-65536"];
const KINDS = ["DIRECT", "GROUP", "SELF"];
const URL_SECONDS = 300;
const text = fs.readFileSync(new URL("../by_hand/store.sql", import.meta.url), "utf8");
const SQL = Object.fromEntries(
  text
    .split("-- name: ")
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1)]),
);
const UNUSED = new Set(["fill_index", "search"]);

export class Rejected extends Error {}

const moment = (at) => new Date(Number(at)).toISOString();
const idList = (ids) => `[${ids.join(",")}]`;
const userOf = (id, username, displayName) => ({ id: `u${id}`, username, displayName });

export class Store {
  constructor(path, isGrouped) {
    this.database = new DatabaseSync(path);
    for (const pragma of PRAGMAS) this.database.exec(`PRAGMA ${pragma}`);
    this.secret = crypto.randomBytes(32);
    this.isGrouped = isGrouped;
    this.queue = [];
    this.known = new Map();
    this.statements = {};
    const commands = { begin: "BEGIN IMMEDIATE", read: "BEGIN", commit: "COMMIT", rollback: "ROLLBACK" };
    const savepoints = { save: "SAVEPOINT send", release: "RELEASE send", undo: "ROLLBACK TO send" };
    for (const [name, sql] of Object.entries({ ...SQL, ...commands, ...savepoints })) {
      if (UNUSED.has(name)) continue;
      this.statements[name] = this.database.prepare(sql);
      this.statements[name].setReadBigInts(true); // ids have up to 63 bits
      this.statements[name].setReturnArrays(true); // a fifth cheaper than objects
    }
  }

  // The viewer of a request; remembered for 30 seconds, as in Sotto.
  authenticate(header) {
    if (!header?.startsWith("Bearer ")) return null;
    const hash = crypto.createHash("sha256").update(header.slice(7)).digest();
    const key = hash.toString("latin1");
    const known = this.known.get(key);
    if (known && known.until > Date.now()) return known;
    const [id, expiresAt] = this.statements.session.get({ token_hash: hash }) ?? [];
    if (id === undefined || Number(expiresAt) < Date.now()) return null;
    const viewer = { id, until: Date.now() + 30_000 };
    this.known.set(key, viewer);
    return viewer;
  }

  // Stores a message: in a transaction of its own, or in one with all that arrived in this round of the event loop.
  send(...draft) {
    if (this.isGrouped) {
      return new Promise((resolve, reject) => {
        if (this.queue.length === 0) setImmediate(() => this.flush());
        this.queue.push({ draft, resolve, reject });
      });
    }
    const { begin, commit, rollback } = this.statements;
    begin.run();
    try {
      const sent = this.put(...draft);
      commit.run();
      return sent;
    } catch (error) {
      rollback.run();
      throw error;
    }
  }

  flush() {
    const batch = this.queue;
    const { begin, commit, save, release, undo } = this.statements;
    this.queue = [];
    begin.run();
    for (const each of batch) {
      save.run();
      try {
        each.sent = this.put(...each.draft);
      } catch (error) {
        undo.run();
        each.error = error;
      }
      release.run();
    }
    commit.run();
    for (const each of batch) each.error ? each.reject(each.error) : each.resolve(each.sent);
  }

  put(viewer, to, text, key) {
    const { statements } = this;
    const sender = viewer.id;
    const hash = crypto
      .createHash("sha256")
      .update(JSON.stringify([to, text]))
      .digest();
    if (key != null) {
      const first = statements.find_key.get({ key, sender });
      if (first) {
        const [usedFor, result] = first;
        if (!hash.equals(usedFor)) throw new Rejected("The key was used for another message.");
        return this.shown(BigInt(result.match(/\d{10,}/)[0]), sender);
      }
    }
    const [conversation, members] = this.destination(sender, to);
    const [seq] = statements.next_seq.get({ conversation });
    const id = (conversation << 27n) + seq;
    const at = Date.now();
    statements.put_message.run({ id, sender, at, text, key: key ?? null });
    statements.advance.run({ conversation, sender, seq, at });
    for (const user of members) statements.put_event.run({ user, id, at });
    statements.put_job.run({ id });
    if (key != null) statements.put_key.run({ key, sender, hash, result: `[[0,${id},null]]`, at });
    return this.sent(id, text, at, sender, members);
  }

  // The conversation and its members.
  destination(sender, to) {
    if (to.conversationId) {
      const conversation = BigInt(to.conversationId.slice(1));
      const members = this.statements.members.all({ conversation }).map(([userId]) => userId);
      if (!members.includes(sender)) throw new Rejected("There is no such conversation.");
      return [conversation, members];
    }
    const name = to.users[0].username.toLowerCase();
    const [id, , , state, isBlocked, hasBlocked] = this.statements.recipient.get({ name, sender }) ?? [];
    if (id === undefined || state || isBlocked || hasBlocked) {
      throw new Rejected("This person cannot be written to.");
    }
    const [lo, hi] = sender < id ? [sender, id] : [id, sender];
    const [conversation] = this.statements.direct.get({ lo, hi });
    return [conversation, [lo, hi]];
  }

  shown(id, viewer) {
    const [, at, text, , sender] = this.statements.page.get({ after: id - 1n, before: id + 1n, viewer, count: 1 });
    return this.sent(id, text, at, sender, []);
  }

  sent(id, text, at, sender, members) {
    return {
      id: `m${id}`,
      text,
      createdAt: moment(at),
      sender: userOf(...this.statements.user.get({ id: sender })),
      attachments: [],
      reactions: [],
      conversation: { id: `c${id >> 27n}` },
      members,
    };
  }

  // Null if the viewer is not a member.
  conversation(viewer, id) {
    const row = this.statements.conversation.get({ viewer: viewer.id, conversation: BigInt(id.slice(1)) });
    return row ? this.listed(row) : null;
  }

  listed(row) {
    const [id, kind, , , unread, activity] = row;
    return {
      row,
      id: `c${id}`,
      type: KINDS[Number(kind)],
      unreadCount: Number(unread),
      lastActivityAt: moment(activity),
    };
  }

  // The last `count` messages.
  page(viewer, [conversation, , lastSeq, floorSeq], count) {
    return this.reading(() => {
      const base = conversation << 27n;
      const bounds = { after: base + floorSeq, before: base + lastSeq + 1n };
      const rows = this.statements.page.all({ ...bounds, viewer: viewer.id, count: count + 1 });
      const hasPreviousPage = rows.length > count;
      if (hasPreviousPage) rows.pop();
      rows.reverse();
      const withFiles = rows.filter((row) => row[3]).map(([id]) => id);
      const files = withFiles.length ? this.attachments(viewer, withFiles) : {};
      const ids = rows.map(([id]) => id);
      const reactions = this.reactions(viewer, ids);
      const nodes = rows.map(([id, at, text, , ...sender]) => ({
        id: `m${id}`,
        text,
        createdAt: moment(at),
        sender: userOf(...sender),
        attachments: files[id] ?? [],
        reactions: reactions[id] ?? [],
      }));
      return { nodes, pageInfo: { hasPreviousPage, hasNextPage: false, ...cursors(nodes) } };
    });
  }

  attachments(viewer, ids) {
    const found = {};
    const until = Math.floor(Date.now() / 1000) + URL_SECONDS;
    for (const row of this.statements.attachments.all({ ids: idList(ids) })) {
      const [message, position, filename, mimeType, byteSize] = row;
      const ticket = `${message}.${position}.${viewer.id}.${until}`;
      const signature = crypto.createHmac("sha256", this.secret).update(ticket).digest("base64url");
      (found[message] ??= []).push({
        id: `a${message}.${position}`,
        filename,
        mimeType,
        byteSize: Number(byteSize),
        url: `http://127.0.0.1/files/${ticket}.${signature}/${filename}`,
      });
    }
    return found;
  }

  reactions(viewer, ids) {
    const found = {};
    for (const [message, emoji, count, isMine] of this.statements.reactions.all({
      viewer: viewer.id,
      ids: idList(ids),
    })) {
      (found[message] ??= []).push({ emoji, count: Number(count), viewerHasReacted: isMine === 1n });
    }
    return found;
  }

  // The conversations with the newest messages.
  inbox(viewer, count) {
    return this.reading(() => {
      const rows = this.statements.inbox.all({ viewer: viewer.id, count: count + 1 });
      const hasNextPage = rows.length > count;
      if (hasNextPage) rows.pop();
      const ids = idList(rows.map(([id]) => id));
      const others = {};
      for (const [conversation, ...user] of this.statements.others.all({ viewer: viewer.id, ids })) {
        const found = (others[conversation] ??= []);
        if (found.length < 10) found.push({ user: userOf(...user) });
      }
      const newest = {};
      for (const [id, at, text, ...sender] of this.statements.newest.all({ viewer: viewer.id, ids })) {
        newest[id >> 27n] = { id: `m${id}`, text, createdAt: moment(at), sender: userOf(...sender) };
      }
      const nodes = rows.map((row) => ({
        ...this.listed(row),
        otherParticipants: others[row[0]] ?? [],
        lastMessage: newest[row[0]],
      }));
      return { nodes, pageInfo: { hasNextPage, hasPreviousPage: false, ...cursors(nodes) } };
    });
  }

  // Runs statements on one snapshot.
  reading(run) {
    this.statements.read.run();
    try {
      return run();
    } finally {
      this.statements.commit.run();
    }
  }
}

const cursors = (nodes) => ({ startCursor: nodes[0]?.id, endCursor: nodes.at(-1)?.id });
