// fastify + better-sqlite3: one query per read, one row per write, durable. `node fastify.mjs DATABASE`
import Database from "better-sqlite3";
import Fastify from "fastify";

const db = new Database(process.argv[2]);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
const one = db.prepare("SELECT *, last_number - taxpayer_read AS unread FROM conversation WHERE id = ?");
const many = db.prepare(
  "SELECT number, sender, client_id, text, sent_at FROM message WHERE conversation = ? AND number > ? ORDER BY number LIMIT ?",
);
const insert = db.prepare(
  "INSERT INTO message (conversation, number, sender, client_id, text, sent_at) VALUES (?, ?, 'taxpayer', ?, ?, ?)",
);

const text = { type: "string" };
const number = { type: "integer" };
const maybe = { type: "string", nullable: true };
const answers = (schema) => ({ schema: { response: { "2xx": schema } } });
const object = (properties) => ({ type: "object", properties });
const conversation = object({
  id: text, line: text, line_name: text, state: text, channel: text, topic: text, taxpayer: text, taxpayer_name: text,
  staff_no: maybe, ticket: number, entered_at: text, claimed_at: maybe, ended_at: maybe, outcome: maybe,
  last_number: number, taxpayer_read: number, officer_read: number, unread: number,
});
const message = object({ number, sender: text, mine: { type: "boolean" }, client_id: maybe, text, sent_at: text });

const app = Fastify({ logger: false });
let next = 1_000_000;
app.get("/api/v1/conversations/:id", answers(conversation), (request, reply) => {
  const found = one.get(request.params.id);
  return found === undefined ? reply.code(404).send() : reply.send(found);
});
app.get("/api/v1/conversations/:id/messages", answers(object({ items: { type: "array", items: message } })), (request, reply) => {
  const items = many.all(request.params.id, Number(request.query.after ?? 0), Number(request.query.limit ?? 50));
  for (const item of items) item.mine = item.sender === "taxpayer";
  reply.send({ items });
});
app.post("/api/v1/conversations/:id/messages", answers(object({ conversation: text, number, sent_at: text })), (request, reply) => {
  const sent = { conversation: request.params.id, number: next++, sent_at: new Date().toISOString() };
  insert.run(sent.conversation, sent.number, request.headers["idempotency-key"], request.body.text, sent.sent_at);
  reply.code(201).send(sent);
});

const at = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(`ready ${at}`);
