import assert from "node:assert/strict";
import type { Endpoint, LanguageModel, ModelPart, ModelRequest } from "../../sidecar/ports.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { Answers, FakeServer, Script } from "../support/fake-model-server.ts";

/** One running server under test. `server` is there when it can be scripted. */
export interface LanguageModelSubject {
  readonly endpoint: Endpoint;
  /** An id the server lists. */
  readonly id: string;
  readonly server: FakeServer | null;
  close(): Promise<void>;
}

export interface LanguageModelSuite {
  readonly name: string;
  /** Starts a server; a real one ignores the answers. Deadlines are short: 300 ms without a token is a stall. */
  start(answers: Answers): Promise<LanguageModelSubject>;
  /** Null = every case runs; else only those that need no script, with the reason. */
  readonly skipScripted: string | null;
  /** How this protocol names an error in the middle of an answer. */
  readonly midStreamError: "engine_dead" | "truncated_stream";
}

export const request = (prompt: string, extra: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [{ role: "user", content: prompt }],
  maxTokens: 64,
  temperature: 0,
  contextTokens: 2048,
  think: "off",
  keepAlive: "5m",
  ...extra,
});

/** Everything a call gave, and how it ended. Anything but a PodiumError fails the test. */
export async function collect(model: LanguageModel, asked: ModelRequest, signal = new AbortController().signal) {
  const parts: ModelPart[] = [];
  let error: PodiumError | null = null;
  try {
    for await (const part of model.stream(asked, signal)) parts.push(part);
  } catch (thrown) {
    assert.ok(thrown instanceof PodiumError, `not a PodiumError: ${String(thrown)}`);
    error = thrown;
  }
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const end = parts.find((part) => part.type === "end");
  if (error === null) assert.equal(parts.at(-1)?.type, "end");
  return { parts, text, end, error };
}

const until = async (what: string, condition: () => boolean, ms = 2000) => {
  const start = performance.now();
  while (!condition()) {
    assert.ok(performance.now() - start < ms, `${what}: not within ${ms} ms`);
    await new Promise((done) => setImmediate(done));
  }
};

/** The cases every wire passes. */
export function languageModelContract(suite: LanguageModelSuite): void {
  describe(`language model contract: ${suite.name}`, () => {
    const using = async (answer: Script, work: (subject: LanguageModelSubject) => Promise<void>) => {
      const subject = await suite.start(() => answer);
      try {
        await work(subject);
      } finally {
        await subject.close();
      }
    };
    if (suite.skipScripted !== null) it.skip(`scripted cases: ${suite.skipScripted}`);
    const scripted = (title: string, answer: Script, work: (subject: LanguageModelSubject) => Promise<void>) => {
      if (suite.skipScripted === null) it(title, () => using(answer, work));
    };
    const failure = async (subject: LanguageModelSubject, asked = request("hi")) => {
      const { error, text, parts } = await collect(subject.endpoint.model(subject.id), asked);
      assert.ok(error, "expected a failure");
      assert.equal(
        parts.some(({ type }) => type === "end"),
        false,
      );
      return { error, text };
    };

    it("streams text and ends once with usage and timings", () =>
      using({ text: "one two three" }, async ({ endpoint, id }) => {
        const { text, end, error, parts } = await collect(endpoint.model(id), request("Say hi."));
        assert.equal(error, null);
        assert.ok(text.length > 0);
        assert.ok(end && end.usage.in > 0 && end.usage.out > 0 && !end.usage.estimated);
        assert.equal(end.model, `${endpoint.name}/${id}`);
        assert.equal(parts.filter(({ type }) => type === "end").length, 1);
        assert.equal(
          parts.some(({ type }) => type === "sent"),
          false,
          "loopback sends nothing away",
        );
      }));

    it("ends with length at maxTokens", () =>
      using({ text: "a b c d e f g h" }, async ({ endpoint, id }) => {
        const { end } = await collect(endpoint.model(id), request("Count to a hundred.", { maxTokens: 3 }));
        assert.equal(end?.finish, "length");
      }));

    it("looks within 1.5 s and lists its model", () =>
      using({}, async ({ endpoint, id }) => {
        const info = await endpoint.look(new AbortController().signal);
        assert.equal(info.state, "answers", info.detail);
        assert.ok(info.models.some(({ ref }) => ref === `${endpoint.name}/${id}`));
      }));

    it("refuses an id the server does not list, and sends nothing", () =>
      using({ text: "no" }, async ({ endpoint, server }) => {
        const { error } = await collect(endpoint.model("no/such-model"), request("hi"));
        assert.equal(error?.code, "model_missing");
        assert.equal(server?.generations.length ?? 0, 0);
      }));

    it("an abort after the first token ends the call within 1 s", () =>
      using({ text: Array.from({ length: 200 }, () => "word "), pieceMs: 5 }, async ({ endpoint, id, server }) => {
        const abort = new AbortController();
        let abortedAt = 0;
        const call = (async () => {
          const asked = request("Write a long story.", { maxTokens: 1500 });
          for await (const part of endpoint.model(id).stream(asked, abort.signal)) {
            if (part.type !== "text" || abort.signal.aborted) continue;
            abortedAt = performance.now();
            abort.abort();
          }
        })();
        await assert.rejects(call, (error) => error instanceof PodiumError && error.code === "cancelled");
        assert.ok(performance.now() - abortedAt < 1000);
        if (server) await until("socket closed", () => server.inFlight === 0, 1000);
      }));

    it("ends at once with cancelled when the signal is already aborted", () =>
      using({ text: "no" }, async ({ endpoint, id }) => {
        const { error } = await collect(endpoint.model(id), request("hi"), AbortSignal.abort());
        assert.equal(error?.code, "cancelled");
      }));

    scripted(
      "closes the socket within 1 s of an abort, in the middle of an answer",
      { text: "a b c d", hangAfter: 2 },
      async (subject) => {
        const abort = new AbortController();
        const seen: string[] = [];
        const call = (async () => {
          for await (const part of subject.endpoint.model(subject.id).stream(request("hi"), abort.signal)) {
            seen.push(part.type);
            if (seen.filter((type) => type === "text").length === 2) abort.abort();
          }
        })();
        await assert.rejects(call, (error) => error instanceof PodiumError && error.code === "cancelled");
        await until("socket closed", () => subject.server?.generations[0]?.aborted === true, 1000);
        assert.equal(subject.server?.inFlight, 0);
      },
    );

    scripted("closes the socket when the reader leaves early", { text: "a b c d", hangAfter: 2 }, async (subject) => {
      for await (const part of subject.endpoint.model(subject.id).stream(request("hi"), new AbortController().signal)) {
        if (part.type === "text") break;
      }
      await until("socket closed", () => subject.server?.inFlight === 0, 1000);
    });

    scripted("an abort before the first byte closes the socket", { hangAfter: 0 }, async (subject) => {
      const abort = new AbortController();
      const call = collect(subject.endpoint.model(subject.id), request("hi"), abort.signal);
      await until("request arrived", () => subject.server?.inFlight === 1);
      abort.abort();
      assert.equal((await call).error?.code, "cancelled");
      await until("socket closed", () => subject.server?.inFlight === 0, 1000);
    });

    scripted("a server that hangs before the first token is stalled", { hangAfter: 0 }, async (subject) => {
      assert.equal((await failure(subject)).error.code, "stalled");
      await until("socket closed", () => subject.server?.inFlight === 0, 1000);
      const info = await subject.endpoint.look(new AbortController().signal);
      assert.ok(info.state === "answers" || info.state === "reachable");
    });

    scripted(
      "a server that hangs between tokens is stalled, and is no longer said to answer",
      { text: "a b c", hangAfter: 1 },
      async (subject) => {
        const { error, text } = await failure(subject);
        assert.equal(error.code, "stalled");
        assert.equal(error.reason, "inter_token");
        assert.equal(text, "a");
        assert.equal((await subject.endpoint.look(new AbortController().signal)).state, "reachable");
      },
    );

    scripted("a cut stream is truncated, never a success", { text: "a b c d", truncateAt: 2 }, async (subject) => {
      assert.equal((await failure(subject)).error.code, "truncated_stream");
    });

    scripted(
      "an error in the middle is a failure even after text",
      { text: "a b c", errorAfter: 2 },
      async (subject) => {
        const { error, text } = await failure(subject);
        assert.equal(error.code, suite.midStreamError);
        assert.equal(text, "a b");
      },
    );

    const html = { body: "<!doctype html><title>Login</title>", contentType: "text/html" };
    scripted("a web page with status 200 is bad_output", { raw: html }, async (subject) => {
      const { error } = await failure(subject);
      assert.equal(error.code, "bad_output");
      assert.equal(error.reason, "protocol");
    });

    scripted(
      "keeps é漢🙂 whole when every byte comes alone",
      { text: ["é漢🙂", " naïve"], thinking: ["思"], bytewise: true },
      async (subject) => {
        const { text, parts, error } = await collect(subject.endpoint.model(subject.id), request("hi"));
        assert.equal(error, null);
        assert.equal(text, "é漢🙂 naïve");
        assert.ok(parts.some((part) => part.type === "thinking" && part.text === "思"));
      },
    );

    scripted("refuses a 300 MB line after about 1 MB", { longLineBytes: 300 * 1024 * 1024 }, async (subject) => {
      const before = process.memoryUsage().rss;
      assert.equal((await failure(subject)).error.code, "bad_output");
      await until("socket closed", () => subject.server?.inFlight === 0, 1000);
      assert.ok(process.memoryUsage().rss - before < 150 * 1024 * 1024);
    });

    const table: readonly (readonly [string, Script, string, string?])[] = [
      ["401", { status: 401, error: "invalid key" }, "auth"],
      [
        "429 with retry-after",
        { status: 429, error: "slow", headers: { "retry-after": "7" } },
        "overloaded",
        "retry_after_ms:7000",
      ],
      [
        "503 busy",
        { status: 503, error: "server busy, please try again.  maximum pending requests exceeded" },
        "overloaded",
      ],
      ["404 of a dead engine", { status: 404, error: "generation thread died" }, "engine_dead"],
      ["404 of a missing model", { status: 404, error: "model 'x' not found" }, "model_missing"],
      ["400 overflow", { status: 400, error: "the input length exceeds the context length" }, "context_overflow"],
      ["500 of a wrong option", { status: 500, error: 'option "num_ctx" must be of type integer' }, "bad_request"],
      ["500 out of memory", { status: 500, error: "Metal: insufficient memory" }, "engine_dead", "oom"],
      ["503 while loading", { status: 503, error: "Loading model" }, "model_loading"],
      ["a redirect", { status: 302, headers: { location: "http://example.com/" } }, "bad_output", "protocol"],
    ];
    for (const [title, answer, code, reason] of table) {
      scripted(`${title} is ${code}`, answer, async (subject) => {
        const { error } = await failure(subject);
        assert.equal(error.code, code, error.message);
        if (reason !== undefined) assert.equal(error.reason, reason);
      });
    }
  });
}
