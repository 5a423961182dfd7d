import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Clock, WorkspacePort } from "../../ports.ts";
import { PodiumError } from "../../protocol/errors.ts";
import { Answer, type Question, type WorkerData } from "./messages.ts";

export interface IndexOptions {
  readonly dataDirectory: string;
  readonly workerUrl: URL;
  readonly nativeBinding?: string;
  readonly indexEnabled: () => boolean;
  readonly clock: Pick<Clock, "sleep">;
}

interface Waiting {
  readonly settle: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

const idleMs = 60_000;
const usualTop = 8;

const realOrSame = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    // Not made yet: nothing is in it.
    return path;
  }
};

/** The thread that alone opens index files; started on need, ended 60 s after the last question. */
class IndexWorker {
  readonly #options: IndexOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #next = 1;
  #idle = new AbortController();

  constructor(options: IndexOptions) {
    this.#options = options;
  }

  async ask(question: Omit<Question, "id">, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    this.#idle.abort();
    const id = this.#next;
    this.#next += 1;
    const worker = this.#start();
    worker.ref();
    const end = (): void => this.#fail(id, signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      return await new Promise<Answer>((settle, reject) => {
        this.#waiting.set(id, { settle, reject });
        worker.postMessage({ ...question, id });
      });
    } finally {
      signal.removeEventListener("abort", end);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#rest();
    }
  }

  async close(): Promise<void> {
    this.#idle.abort();
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
    for (const id of [...this.#waiting.keys()])
      this.#fail(id, new PodiumError("cancelled", "The search index was closed; ask again."));
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker;
    const { nativeBinding, workerUrl } = this.#options;
    const workerData: WorkerData = nativeBinding === undefined ? {} : { nativeBinding };
    const worker = new Worker(workerUrl, { workerData, resourceLimits: { maxOldGenerationSizeMb: 256 } });
    worker.on("message", (message: unknown) => {
      const answer = Answer.parse(message);
      this.#waiting.get(answer.id)?.settle(answer);
    });
    worker.on("error", (cause) => this.#lost(worker, cause));
    worker.on("exit", () => this.#lost(worker, undefined));
    this.#worker = worker;
    return worker;
  }

  #lost(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const error = new PodiumError("tool_failed", "The search index stopped unexpectedly; ask again.", {
      retryable: true,
      cause,
    });
    for (const id of [...this.#waiting.keys()]) this.#fail(id, error);
  }

  #fail(id: number, reason: unknown): void {
    this.#waiting.get(id)?.reject(reason);
  }

  #rest(): void {
    this.#worker?.unref();
    const idle = new AbortController();
    this.#idle = idle;
    this.#options.clock.sleep(idleMs, idle.signal).then(
      () => this.close(),
      // Asked again in the meantime.
      () => undefined,
    );
  }
}

export interface SearchIndex {
  search: WorkspacePort["search"];
  close(): Promise<void>;
}

/** The search over workspaces: one index file per root, `index/<sha256 of the root>.db` in the data directory. */
export function createIndex(options: IndexOptions, forbidden: readonly string[]): SearchIndex {
  const worker = new IndexWorker(options);
  const fileOf = (root: string): string =>
    join(options.dataDirectory, "index", `${createHash("sha256").update(root).digest("hex").slice(0, 32)}.db`);
  return {
    async search({ query, context, top }, { root, env, signal }) {
      const file = fileOf(root);
      const place = options.indexEnabled() ? { database: file } : { database: ":memory:", forget: file };
      const question = {
        root,
        env: { ...env },
        ...place,
        forbidden: forbidden.map(realOrSame),
        query,
        ...(context === undefined ? {} : { context }),
        top: top ?? usualTop,
      };
      const answer = await worker.ask(question, signal);
      if ("error" in answer) {
        const { code, message, retryable } = answer.error;
        throw new PodiumError(code, message, { retryable });
      }
      const { id: _, ...result } = answer;
      return result;
    },
    close: () => worker.close(),
  };
}
