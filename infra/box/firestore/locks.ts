// Exclusive locks on documents, granted in the order in which they were asked for; a circle of waits fails
// its last member.
import { FlError } from "../../../shared/core/errors.ts";

/** Who holds locks or waits for them: a transaction, or one commit outside of any. */
export class LockOwner {
  readonly held = new Set<string>();
  /** By name; the promise settles when the lock is granted or the wait is given up. */
  readonly waits = new Map<string, Promise<void>>();
}

interface Waiter {
  readonly owner: LockOwner;
  readonly grant: () => void;
  readonly giveUp: (why: string) => void;
}

interface Lock {
  holder: LockOwner;
  readonly queue: Waiter[];
}

export class DocumentLocks {
  private readonly locks = new Map<string, Lock>();
  private readonly waitMs: number;

  /** @param waitMs  how long a lock is waited for before the wait fails */
  constructor(waitMs: number) {
    this.waitMs = waitMs;
  }

  /**
   * Resolves when the owner holds the lock on the document; it may hold it already, or be waiting for it.
   *
   * @throws FlError("aborted") when the wait would never end, lasted too long, or the owner was released
   */
  async acquire(owner: LockOwner, name: string): Promise<void> {
    const lock = this.locks.get(name);
    if (lock === undefined) {
      this.locks.set(name, { holder: owner, queue: [] });
      owner.held.add(name);
      return;
    }
    if (lock.holder === owner) return;
    const pending = owner.waits.get(name);
    if (pending !== undefined) return pending;
    if (this.wouldDeadlock(owner, lock)) throw aborted(name, "two transactions wait for each other");
    const wait = this.enqueue(owner, name, lock).finally(() => owner.waits.delete(name));
    owner.waits.set(name, wait);
    return wait;
  }

  /**
   * One after another in the order of their names, so that two of such requests cannot wait for each other.
   */
  async acquireAll(owner: LockOwner, names: Iterable<string>): Promise<void> {
    for (const name of [...new Set(names)].sort()) await this.acquire(owner, name);
  }

  /** Gives up all that the owner holds or waits for. */
  release(owner: LockOwner): void {
    for (const name of owner.waits.keys()) {
      const waiter = this.locks.get(name)?.queue.find((each) => each.owner === owner);
      waiter?.giveUp("its transaction ended");
    }
    for (const name of owner.held) this.handOver(name);
    owner.held.clear();
  }

  private enqueue(owner: LockOwner, name: string, lock: Lock): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        lock.queue.splice(lock.queue.indexOf(waiter), 1);
      };
      const waiter: Waiter = {
        owner,
        grant: () => {
          leave();
          lock.holder = owner;
          owner.held.add(name);
          resolve();
        },
        giveUp: (why) => {
          leave();
          reject(aborted(name, why));
        },
      };
      const timer = setTimeout(() => waiter.giveUp(`another held it for ${this.waitMs} ms`), this.waitMs);
      lock.queue.push(waiter);
    });
  }

  private handOver(name: string): void {
    const [next] = this.locks.get(name)?.queue ?? [];
    if (next === undefined) this.locks.delete(name);
    else next.grant();
  }

  /** Whether any owner that this one would wait for is, directly or not, waiting for the owner. */
  private wouldDeadlock(owner: LockOwner, wanted: Lock): boolean {
    // None can be waiting for an owner that holds nothing and queues nowhere: the usual case of a contended
    // document.
    if (owner.held.size === 0 && owner.waits.size === 0) return false;
    const seen = new Set<LockOwner>();
    const ahead = [wanted.holder, ...wanted.queue.map((waiter) => waiter.owner)];
    for (let other = ahead.pop(); other !== undefined; other = ahead.pop()) {
      if (other === owner) return true;
      if (seen.has(other)) continue;
      seen.add(other);
      for (const name of other.waits.keys()) {
        const lock = this.locks.get(name);
        if (lock === undefined) continue;
        const place = lock.queue.findIndex((waiter) => waiter.owner === other);
        ahead.push(lock.holder, ...lock.queue.slice(0, Math.max(place, 0)).map((waiter) => waiter.owner));
      }
    }
    return false;
  }
}

function aborted(name: string, why: string): FlError {
  return new FlError("aborted", `Too much contention on "${name}": ${why}. Try the transaction again.`);
}
