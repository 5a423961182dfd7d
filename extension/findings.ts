import { createRequire } from "node:module";
import { join } from "node:path";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Shell } from "./app.ts";
import type { Connection, HubLink } from "./hub.ts";
import { readReview } from "./session.ts";
import type { Model } from "./state.ts";

const clearedKey = "podium.review.cleared";

/** Keeps the Review view equal to the newest review of this window, and loads the language client when there is one. */
export class Findings {
  readonly #shell: Shell;
  readonly #link: HubLink;
  #reading: Promise<void> = Promise.resolve();
  #client: Promise<LanguageClient> | null = null;

  constructor(shell: Shell, link: HubLink) {
    this.#shell = shell;
    this.#link = link;
  }

  /** Reads a review from its log, one after the other, so that an older reading never wins. */
  read(connection: Connection, run: string): void {
    this.#reading = this.#reading
      .then(async () => {
        const review = await readReview(connection, run);
        if (review && !this.#isCleared(run)) this.#shell.update((known) => ({ ...known, review }));
      })
      .catch((error: unknown) => this.#shell.log.info(`The review was not read: ${String(error)}`));
  }

  /** A newer review replaces the one that is shown; its end brings what was held back. */
  follow(connection: Connection, before: Model, now: Model): void {
    const [newest] = now.runs.filter((row) => row.workflow === "review_changes");
    if (!newest) return;
    const known = before.runs.find((row) => row.run === newest.run);
    if (known?.status !== newest.status || now.review?.run !== newest.run) this.read(connection, newest.run);
  }

  /** Loads and starts the language client once; it follows the connection by itself from then on. */
  async want(): Promise<void> {
    this.#client ??= this.#start().catch((error: unknown) => {
      this.#client = null;
      throw error;
    });
    await this.#client;
  }

  /** Forgets the findings of the shown review in this window, for good; the run and its result stay. */
  clear(): void {
    void this.#shell.context.workspaceState.update(clearedKey, this.#shell.model().review?.run);
    this.#shell.update((known) => ({ ...known, review: null }));
    void this.#client?.then((client) => client.diagnostics?.clear());
  }

  dispose(): void {
    void this.#client?.then((client) => client.dispose()).catch(() => undefined);
  }

  #isCleared(run: string): boolean {
    return this.#shell.context.workspaceState.get(clearedKey) === run;
  }

  async #start(): Promise<LanguageClient> {
    const load = createRequire(join(this.#shell.context.extensionPath, "dist", "extension.cjs"));
    const loaded: typeof import("./review.ts") = load("./review.cjs");
    const client = loaded.createReview(
      async () => {
        const { record } = await this.#attached();
        return { url: `ws://127.0.0.1:${record.port}/lsp`, token: record.token ?? "" };
      },
      (run) => this.#isCleared(run),
      this.#shell.log,
    );
    await client.start();
    return client;
  }

  /** Waits for a connection without asking for one: whoever lost it is bringing it back. */
  #attached(): Promise<Connection> {
    return new Promise((resolve) => {
      const look = (): void => {
        const { connection } = this.#link;
        if (!connection) return;
        listening.dispose();
        resolve(connection);
      };
      const listening = this.#shell.onChange(look);
      look();
    });
  }
}
