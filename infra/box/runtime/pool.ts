// The instances of one function: started when requests need them, given requests up to their concurrency,
// ended when idle.
import { FlError } from "../../../shared/core/errors.ts";
import type { EndReason, RuntimeEvent } from "./events.ts";
import type { FunctionSettings } from "./functionSpec.ts";
import type { Instance } from "./instance.ts";
import type { EndTurn, Starts } from "./starts.ts";

/** What the pool and its users need of an instance. */
export type PoolInstance = Pick<Instance, keyof Instance>;

/** The right to send one request to an instance. */
export interface Lease {
  readonly instance: PoolInstance;
  /** It waited for the instance to start, and is its first request. */
  readonly coldStart: boolean;
  /** Ends the instance as a fault does. */
  crash(): Promise<void>;
  /** The request has ended. Idempotent. */
  release(): void;
}

export interface PoolOptions {
  readonly settings: FunctionSettings;
  readonly graceMs: number;
  /** What its instances take turns in to start; null: they start at once. */
  readonly starts: Starts | null;
  readonly start: (id: string) => PoolInstance;
  readonly onEvent: (event: RuntimeEvent) => void;
}

interface Member {
  readonly instance: PoolInstance;
  /** When it listened, by the clock of `performance`. */
  readyMs: number | undefined;
  used: boolean;
  inFlight: number;
  ending: EndReason | undefined;
  idleTimer: NodeJS.Timeout | undefined;
  /** It has started. */
  readonly endTurn: EndTurn;
  turnTimer: NodeJS.Timeout | undefined;
}

interface Waiter {
  readonly give: (member: Member) => void;
  readonly refuse: (error: FlError) => void;
}

const shortestQueueMs = 10_000;
const startsWaitedFor = 3.5;
/**
 * A start is over with its first request, for which a function loads most of what it needs; or so long after
 * it listens, for a training may take minutes.
 */
const firstRequestMs = 1_000;

export class Pool {
  readonly #options: PoolOptions;
  readonly #members = new Set<Member>();
  /** One for every process that has not ended yet. */
  readonly #ends = new Set<Promise<void>>();
  readonly #waiters: Waiter[] = [];
  readonly #startMs: number[] = [];
  #started = 0;
  /** Instances that wait for their turn to start. */
  #planned = 0;
  #crashes = 0;
  #stopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get stats() {
    const members = [...this.#members];
    return {
      coldStarts: this.#startMs.length,
      startMs: [...this.#startMs],
      crashes: this.#crashes,
      instances: members.length,
      inFlight: members.reduce((sum, member) => sum + member.inFlight, 0),
      queued: this.#waiters.length,
    };
  }

  /**
   * Starts the instances that are always kept. Rejects with FlError when one of them ends before it listens.
   */
  async fill(): Promise<void> {
    const started: Promise<number>[] = [];
    while (this.#members.size < this.#options.settings.minInstances)
      started.push(this.#start().instance.ready);
    await Promise.all(started);
  }

  /**
   * An instance with a free place, as soon as there is one.
   *
   * @throws FlError("resource-exhausted") when all stay busy for too long, ("unavailable") when the
   *   instance ended before it listened or the runtime stops, ("aborted") when `signal` fires first.
   */
  acquire(signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const arrivedMs = performance.now();
      let timer: NodeJS.Timeout;
      const leave = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        const place = this.#waiters.indexOf(waiter);
        if (place >= 0) this.#waiters.splice(place, 1);
      };
      const waiter: Waiter = {
        give: (member) => {
          leave();
          resolve(this.#lease(member, arrivedMs));
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = () => {
        waiter.refuse(new FlError("aborted", "The caller has gone."));
        this.#serve();
      };
      // Requests that a starting instance will serve wait for it, however long it takes.
      const check = () => {
        const patienceMs = this.#queueMs() - (performance.now() - arrivedMs);
        const served = this.#waiters.indexOf(waiter) < this.#placesStarting();
        if (patienceMs > 0 || served) timer = setTimeout(check, Math.max(patienceMs, 100));
        else waiter.refuse(new FlError("resource-exhausted", "There was no available instance."));
      };
      if (this.#stopping) return reject(stopped());
      if (signal.aborted) return reject(new FlError("aborted", "The caller has gone."));
      signal.addEventListener("abort", abort);
      timer = setTimeout(check, this.#queueMs());
      this.#waiters.push(waiter);
      this.#serve();
    });
  }

  /** Ends every instance that serves nothing, but for those always kept. */
  async scaleDown(): Promise<void> {
    const idle = [...this.#members].filter((member) => member.readyMs !== undefined && member.inFlight === 0);
    const spare = this.#members.size - this.#options.settings.minInstances;
    await Promise.all(idle.slice(0, Math.max(spare, 0)).map((member) => this.#end(member, "idle")));
  }

  /** Refuses waiting requests and ends every instance. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const waiter of [...this.#waiters]) waiter.refuse(stopped());
    await Promise.all([...this.#members].map((member) => this.#end(member, "stop")));
    await Promise.all(this.#ends);
  }

  #queueMs(): number {
    const { queueSeconds } = this.#options.settings;
    if (queueSeconds !== undefined) return queueSeconds * 1_000;
    const mean = this.#startMs.reduce((sum, ms) => sum + ms, 0) / Math.max(this.#startMs.length, 1);
    return Math.max(shortestQueueMs, startsWaitedFor * mean);
  }

  #placesStarting(): number {
    const starting = [...this.#members].filter(({ readyMs }) => readyMs === undefined).length;
    return (starting + this.#planned) * this.#options.settings.concurrency;
  }

  /** Gives the free places to those who wait, first come first served, and starts what is missing. */
  #serve(): void {
    const { concurrency, maxInstances } = this.#options.settings;
    for (let free = this.#busiestFree(); free !== undefined; free = this.#busiestFree()) {
      const waiter = this.#waiters[0];
      if (waiter === undefined) break;
      waiter.give(free);
    }
    if (this.#stopping) return;
    let missing = this.#waiters.length - this.#placesStarting();
    while (missing > 0 && this.#members.size + this.#planned < maxInstances) {
      this.#startInTurn();
      missing -= concurrency;
    }
  }

  #startInTurn(): void {
    const { starts } = this.#options;
    if (starts === null) {
      this.#start();
      return;
    }
    this.#planned++;
    starts.take((endTurn) => {
      this.#planned--;
      // Meanwhile others may have become free and taken those who waited.
      const isMissing = this.#waiters.length > this.#placesStarting();
      if (isMissing && !this.#stopping) this.#start(endTurn);
      else endTurn();
    });
  }

  /** The fullest instance that has a place, so that the others may become idle. */
  #busiestFree(): Member | undefined {
    const free = [...this.#members].filter(
      (member) => member.readyMs !== undefined && member.inFlight < this.#options.settings.concurrency,
    );
    return free.sort((a, b) => b.inFlight - a.inFlight)[0];
  }

  #start(endTurn: EndTurn = () => {}): Member {
    const { settings } = this.#options;
    this.#started++;
    const id = `${settings.name}-${String(this.#started).padStart(4, "0")}`;
    const member: Member = {
      instance: this.#options.start(id),
      readyMs: undefined,
      used: false,
      inFlight: 0,
      ending: undefined,
      idleTimer: undefined,
      endTurn,
      turnTimer: undefined,
    };
    this.#members.add(member);
    const end = this.#watch(member).finally(() => this.#ends.delete(end));
    this.#ends.add(end);
    member.instance.ready.then(
      (startMs) => this.#welcome(member, startMs),
      () => {}, // The end of the process is reported elsewhere.
    );
    return member;
  }

  #welcome(member: Member, startMs: number): void {
    if (!this.#members.has(member)) return;
    member.readyMs = performance.now();
    this.#startMs.push(startMs);
    if (this.#options.starts !== null) member.turnTimer = setTimeout(member.endTurn, firstRequestMs);
    const { settings, onEvent } = this.#options;
    onEvent({ kind: "cold-start", function: settings.name, instance: member.instance.id, startMs });
    this.#serve();
    this.#restIfIdle(member);
  }

  #lease(member: Member, arrivedMs: number): Lease {
    const coldStart = !member.used && arrivedMs <= (member.readyMs ?? Number.POSITIVE_INFINITY);
    member.used = true;
    member.inFlight++;
    clearTimeout(member.idleTimer);
    let released = false;
    return {
      instance: member.instance,
      coldStart,
      crash: async () => {
        member.ending ??= "fault";
        await member.instance.kill();
      },
      release: () => {
        if (released) return;
        released = true;
        this.#endTurn(member);
        member.inFlight--;
        if (!this.#members.has(member)) return;
        this.#serve();
        this.#restIfIdle(member);
      },
    };
  }

  #endTurn(member: Member): void {
    clearTimeout(member.turnTimer);
    member.endTurn();
  }

  #restIfIdle(member: Member): void {
    if (member.inFlight > 0 || !this.#members.has(member)) return;
    const { idleSeconds, minInstances } = this.#options.settings;
    clearTimeout(member.idleTimer);
    member.idleTimer = setTimeout(() => {
      if (this.#members.size > minInstances) void this.#end(member, "idle");
    }, idleSeconds * 1_000);
  }

  /** Takes it out of service and ends it with a grace period. */
  async #end(member: Member, reason: EndReason): Promise<void> {
    this.#members.delete(member);
    clearTimeout(member.idleTimer);
    member.ending ??= reason;
    await member.instance.stop(this.#options.graceMs);
  }

  /** Waits for the end of the process and draws the consequences. */
  async #watch(member: Member): Promise<void> {
    const { code, signal, isOutOfMemory } = await member.instance.exited;
    const unforeseen = this.#members.delete(member);
    clearTimeout(member.idleTimer);
    this.#endTurn(member);
    const reason = isOutOfMemory === true ? "memory" : (member.ending ?? "crash");
    if (reason === "crash" || reason === "memory") this.#crashes++;
    const { settings, onEvent } = this.#options;
    const { inFlight } = member;
    const instance = member.instance.id;
    onEvent({ kind: "instance-exit", function: settings.name, instance, reason, code, signal, inFlight });
    if (!unforeseen || this.#stopping) return;
    if (member.readyMs === undefined) {
      const error = new FlError("unavailable", `Instance ${instance} ended before it listened: see its log.`);
      for (const waiter of this.#waiters.slice(0, settings.concurrency)) waiter.refuse(error);
    }
    this.#serve();
    // Failed starts are reported when their process ends.
    if (member.readyMs !== undefined) this.fill().catch(() => {});
  }
}

function stopped(): FlError {
  return new FlError("unavailable", "The functions runtime is stopping.");
}
