// BullMQ: `node bullmq.mjs PORT BACKLOG CONCURRENCY SECONDS`
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { backlog, concurrency, measure, payload, seconds, where } from "./cycle.mjs";

const connection = new Redis({ host: "127.0.0.1", port: Number(where), maxRetriesPerRequest: null });
const queue = new Queue("line", { connection });
await queue.obliterate({ force: true });
for (let from = 0; from < backlog; from += 5000) {
  await queue.addBulk(Array.from({ length: Math.min(5000, backlog - from) }, (_, n) => ({ name: "enter", data: payload(from + n) })));
}
// No processor: jobs are taken by hand, so that the shape is the same as everybody's.
const worker = new Worker("line", null, { connection, lockDuration: 60_000 });
await worker.waitUntilReady();
await measure(concurrency, seconds, async (n) => {
  await queue.add("enter", payload(n));
  const token = `officer-${n}`;
  let job;
  while (job === undefined) job = await worker.getNextJob(token, { block: false });
  await job.moveToCompleted("resolved", token, false);
});
process.exit(0);
