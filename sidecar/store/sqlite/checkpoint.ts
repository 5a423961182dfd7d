import { Worker } from "node:worker_threads";
import { sqlitePath } from "./runtime.ts";

/** PASSIVE waits for nobody; TRUNCATE needs the writer to hold still and empties the WAL. */
type CheckpointMode = "PASSIVE" | "TRUNCATE";

// The code is text, so that it runs the same from source and from a bundle that has no second entry point.
const workerCode = `
const { parentPort, workerData } = require("node:worker_threads");
const Driver = require(workerData.driver);
const database = new Driver(workerData.file, { timeout: 2000, fileMustExist: true });
if (process.platform === "darwin") database.pragma("checkpoint_fullfsync = ON");
parentPort.on("message", (mode) => {
  if (mode === "close") {
    database.close();
    parentPort.close();
    return;
  }
  try {
    const [answer] = database.pragma("wal_checkpoint(" + mode + ")");
    parentPort.postMessage(answer.busy === 0);
  } catch {
    parentPort.postMessage(false);
  }
});
`;

const IDLE_MS = 60_000;

/** Moves the WAL into the database in a thread of its own, which is started on need and ended after 60 s without work. */
export class Checkpointer {
  readonly #file: string;
  #worker: Worker | null = null;
  #settle: ((done: boolean) => void) | null = null;
  #last: Promise<boolean> = Promise.resolve(true);
  #idle: NodeJS.Timeout | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  get busy(): boolean {
    return this.#settle !== null;
  }

  /** One after the other. False = not all of the WAL could be moved; never rejects. */
  run(mode: CheckpointMode): Promise<boolean> {
    this.#last = this.#last.then(() => this.#move(mode));
    return this.#last;
  }

  #move(mode: CheckpointMode): Promise<boolean> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    const worker = this.#worker ?? this.#start();
    worker.ref();
    return new Promise((resolve) => {
      this.#settle = resolve;
      worker.postMessage(mode);
    });
  }

  async close(): Promise<void> {
    await this.#last;
    if (this.#idle !== null) clearTimeout(this.#idle);
    const worker = this.#worker;
    if (worker === null) return;
    const gone = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.ref();
    worker.postMessage("close");
    await gone;
  }

  #start(): Worker {
    const worker = new Worker(workerCode, { eval: true, workerData: { file: this.#file, driver: sqlitePath() } });
    worker.on("message", (done: unknown) => this.#end(done === true));
    const lost = (): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#end(false);
    };
    worker.on("error", lost);
    worker.on("exit", lost);
    this.#worker = worker;
    return worker;
  }

  #end(done: boolean): void {
    const settle = this.#settle;
    this.#settle = null;
    const worker = this.#worker;
    if (worker !== null) {
      worker.unref();
      this.#idle = setTimeout(() => worker.postMessage("close"), IDLE_MS);
      this.#idle.unref();
    }
    settle?.(done);
  }
}
