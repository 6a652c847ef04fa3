// A run as a trace of Chrome's, which Perfetto shows: the run is a process, its rounds and each of its
// clients a thread. Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
import { invocationTimeline } from "../../../../shared/core/round/spans.ts";
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";

/** An event of a trace; times are in microseconds. */
export type TraceEvent = Readonly<Record<string, unknown>>;

const PROCESS = 1;
const ROUNDS_THREAD = 0;
const US_PER_MS = 1_000;

/** The events of a run, round by round; each thread is named before its first event. */
export class TraceEvents {
  readonly #beganAtMs: number;
  readonly #nowMs: number;
  readonly #threads = new Map<string, number>();

  /**
   * @param beganAtMs what times are counted from
   * @param nowMs until when an open round is drawn
   */
  constructor(beganAtMs: number, nowMs: number) {
    this.#beganAtMs = beganAtMs;
    this.#nowMs = nowMs;
  }

  begin(runId: string): readonly TraceEvent[] {
    return [
      this.#named("process_name", ROUNDS_THREAD, runId),
      this.#named("thread_name", ROUNDS_THREAD, "rounds"),
      this.#sorted(ROUNDS_THREAD),
    ];
  }

  round(round: Round): readonly TraceEvent[] {
    const { openedAt, aggregatingAt, closedAt, counts, eur, costUsd, closeReason, status } = round;
    const endMs = closedAt ?? this.#nowMs;
    const args = { status, closeReason, ...counts, eur, costUsd };
    const thread = ROUNDS_THREAD;
    const events = [
      this.#span({
        name: `round ${round.round}`,
        category: "round",
        thread,
        from: openedAt,
        to: endMs,
        args,
      }),
    ];
    if (aggregatingAt !== null) {
      const place = { category: "round", thread, from: aggregatingAt, to: endMs };
      events.push(this.#span({ name: "aggregation", ...place, args: { newVersion: round.newVersion } }));
    }
    return events;
  }

  /** @param round that it is of */
  invocation(invocation: Invocation, round: Round): readonly TraceEvent[] {
    const { clientId, status, attempt, reason, costUsd, training, bytesDown, bytesUp } = invocation;
    const { startMs, endMs, spans } = invocationTimeline(invocation, round.closedAt ?? this.#nowMs);
    const known = this.#threads.get(clientId);
    const thread = known ?? this.#threads.size + 1;
    this.#threads.set(clientId, thread);
    const named =
      known === undefined ? [this.#named("thread_name", thread, clientId), this.#sorted(thread)] : [];
    const args = {
      status,
      attempt,
      reason,
      costUsd,
      samples: training?.samples ?? null,
      bytesDown,
      bytesUp,
    };
    return [
      ...named,
      this.#span({
        name: `round ${invocation.round}: ${status}`,
        category: "invocation",
        thread,
        from: startMs,
        to: endMs,
        args,
      }),
      ...spans.map(({ phase, startMs: from, endMs: to }) =>
        this.#span({ name: phase, category: "phase", thread, from, to, args: {} }),
      ),
    ];
  }

  #span({
    name,
    category,
    thread,
    from,
    to,
    args,
  }: {
    readonly name: string;
    readonly category: string;
    readonly thread: number;
    readonly from: number;
    readonly to: number;
    readonly args: object;
  }): TraceEvent {
    const ts = Math.round((from - this.#beganAtMs) * US_PER_MS);
    const dur = Math.max(0, Math.round((to - this.#beganAtMs) * US_PER_MS) - ts);
    return { name, cat: category, ph: "X", ts, dur, pid: PROCESS, tid: thread, args };
  }

  #named(name: string, thread: number, value: string): TraceEvent {
    return { name, ph: "M", pid: PROCESS, tid: thread, args: { name: value } };
  }

  /** Threads are shown in the order in which they were first seen. */
  #sorted(thread: number): TraceEvent {
    return {
      name: "thread_sort_index",
      ph: "M",
      pid: PROCESS,
      tid: thread,
      args: { sort_index: thread },
    };
  }
}
