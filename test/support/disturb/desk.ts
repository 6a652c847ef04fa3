// The tests' side of the agents: says to them where to strike and with what, and has calls of the local cloud
// fail for them.
import { existsSync, type FSWatcher, watch } from "node:fs";
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Box } from "../../../infra/box/box.ts";
import type { CallFaultInput, InjectedFault } from "../../../infra/box/callFaults.ts";
import type { CallFailure, Fault } from "./faults.ts";

export class Desk {
  readonly dir: string;
  #watcher: FSWatcher | undefined;
  readonly #failing: { readonly what: string; readonly fault: InjectedFault }[] = [];
  readonly #work = new Set<Promise<void>>();

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(): Promise<Desk> {
    return new Desk(await mkdtemp(join(tmpdir(), "disturb-")));
  }

  serve(box: Box): void {
    this.#watcher = watch(this.dir, (_, name) => {
      if (name?.endsWith(".ask") !== true || !existsSync(join(this.dir, name))) return;
      const work = this.#answer(box, name).finally(() => this.#work.delete(work));
      this.#work.add(work);
    });
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    await Promise.all(this.#work);
    await rm(this.dir, { recursive: true });
  }

  /** Each time the point is reached, the next of the faults strikes. */
  async arm(point: string, faults: readonly Fault[]): Promise<void> {
    const name = encodeURIComponent(point);
    await writeFile(join(this.dir, `${name}~new`), JSON.stringify(faults));
    await rename(join(this.dir, `${name}~new`), join(this.dir, name));
  }

  /**
   * Whether faults are left that have not struck. A process that takes one holds the others under its number
   * meanwhile.
   */
  async armed(point: string): Promise<boolean> {
    const name = encodeURIComponent(point);
    const isHeld = (other: string) =>
      other.startsWith(`${name}~`) && /^\d+$/.test(other.slice(name.length + 1));
    return (await readdir(this.dir)).some((other) => other === name || isHeld(other));
  }

  async disarm(point: string): Promise<void> {
    await rm(join(this.dir, encodeURIComponent(point)), { force: true });
  }

  /** A line for each time that a point was reached. */
  reached(): Promise<readonly string[]> {
    return this.#lines("reached");
  }

  /** A line for each fault that struck. */
  struck(): Promise<readonly string[]> {
    return this.#lines("struck");
  }

  /** What kept a fault from striking. */
  async trouble(): Promise<readonly string[]> {
    const unmet = this.#failing.filter(({ fault }) => fault.struck === 0).map(({ what }) => what);
    return [...(await this.#lines("trouble")), ...unmet.map((what) => `${what}: no call failed`)];
  }

  async #lines(name: string): Promise<readonly string[]> {
    const path = join(this.dir, name);
    if (!existsSync(path)) return [];
    return (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  }

  async #answer(box: Box, name: string): Promise<void> {
    const path = join(this.dir, name);
    const asked: unknown = JSON.parse(await readFile(path, "utf8"));
    const { point, failure, runId } = asked as { point: string; failure: CallFailure; runId?: string };
    await rm(path);
    const target = runId === undefined ? {} : { target: runId };
    const fault = box.inject({ ...failure, ...target } as CallFaultInput);
    this.#failing.push({ what: `${point} ${JSON.stringify(failure)}`, fault });
    await writeFile(path.replace(/ask$/, "go"), "");
  }
}
