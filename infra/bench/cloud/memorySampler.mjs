// Loaded into a function's process (node --import): writes its memory to its log whenever that has grown, as
// `memory {"rssBytes":…,"peakRssBytes":…}`. The peak is the kernel's own, so nothing between two looks is
// missed.
const EVERY_MS = 50;
const STEP_BYTES = 2 ** 20;

let written = 0;
setInterval(() => {
  const { rss: rssBytes } = process.memoryUsage();
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  const sum = rssBytes + peakRssBytes;
  if (Math.abs(sum - written) < STEP_BYTES) return;
  written = sum;
  process.stdout.write(`memory ${JSON.stringify({ rssBytes, peakRssBytes })}\n`);
}, EVERY_MS).unref();
