// What the queue peers share: so many at once, each adds a job, takes one, completes it, for a time.
export async function measure(concurrency, seconds, cycle) {
  const times = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  await Promise.all(
    Array.from({ length: concurrency }, async (_, n) => {
      for (let at = performance.now(); at < end; at = performance.now()) {
        await cycle(n);
        times.push(performance.now() - at);
      }
    }),
  );
  const passed = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const share = (s) => times[Math.round((times.length - 1) * s)];
  console.log(`figures ${times.length / passed} ${share(0.5)} ${share(0.99)}`);
}

export const payload = (n) => ({ taxpayer: `0192f3a4-0000-7000-8000-${String(n).padStart(12, "0")}`, topic: "专项附加扣除怎么填写" });

export const [where, backlog, concurrency, seconds] = [process.argv[2], ...process.argv.slice(3).map(Number)];
