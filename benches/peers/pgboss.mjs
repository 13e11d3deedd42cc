// pg-boss: `node pgboss.mjs "SOCKET-DIRECTORY DATABASE" BACKLOG CONCURRENCY SECONDS`
import pg from "pg";
import PgBoss from "pg-boss";
import { backlog, concurrency, measure, payload, seconds, where } from "./cycle.mjs";

const [host, database] = where.split(" ");
// As many connections as there are callers; its own upkeep is not needed for seconds.
const boss = new PgBoss({ host, database, user: "t", max: concurrency, supervise: false, schedule: false });
boss.on("error", (e) => {
  console.error(e);
  process.exit(1);
});
await boss.start();
await boss.createQueue("line");
for (let from = 0; from < backlog; from += 5000) {
  const jobs = Array.from({ length: Math.min(5000, backlog - from) }, (_, n) => ({ name: "line", data: payload(from + n) }));
  await boss.insert(jobs);
}
const admin = new pg.Client({ host, database, user: "t" });
await admin.connect();
await admin.query("VACUUM ANALYZE pgboss.job");
await admin.end();
await measure(concurrency, seconds, async (n) => {
  await boss.send("line", payload(n));
  let job; // all that a fetch saw may have been taken by others meanwhile
  while (job === undefined) [job] = await boss.fetch("line");
  await boss.complete("line", job.id);
});
await boss.stop({ graceful: false, wait: false });
process.exit(0);
