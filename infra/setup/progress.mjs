// Shows one step of set-up at a time: a live line on a terminal, plain lines elsewhere.
const frames = ["|", "/", "-", "\\"];
const frameMs = 120;
const plainLineMs = 10_000;

/**
 * Does the work while showing its title, what it is at, and its seconds; says how it ended.
 *
 * @template T
 * @param {string} title what is being done, e.g. "Installing packages"
 * @param {(show: (detail: string) => void) => Promise<T>} work `show` says what it is at
 * @param {(result: T) => string} [describe] the words that follow the title once it is done
 * @param {NodeJS.WriteStream} [out]
 * @returns {Promise<T>}
 */
export async function showStep(title, work, describe = () => "done", out = process.stderr) {
  const startMs = performance.now();
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
  let detail = "";
  let frame = 0;
  const live = () => {
    frame = (frame + 1) % frames.length;
    const line = `${frames[frame]} ${title}${detail === "" ? "" : `: ${detail}`} (${seconds()} s)`;
    out.write(`\r\x1b[2K${line.slice(0, Math.max(20, (out.columns ?? 80) - 1))}`);
  };
  const plain = () => out.write(`  ${title}: ${detail === "" ? "working" : detail} (${seconds()} s)\n`);
  if (!out.isTTY) out.write(`> ${title}\n`);
  const timer = setInterval(out.isTTY ? live : plain, out.isTTY ? frameMs : plainLineMs);
  const end = (line) => out.write(`${out.isTTY ? "\r\x1b[2K" : ""}${line}\n`);
  try {
    const result = await work((text) => {
      detail = text;
    });
    end(`✓ ${title}: ${describe(result)} (${seconds()} s)`);
    return result;
  } catch (error) {
    end(`✗ ${title}: failed (${seconds()} s)`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
