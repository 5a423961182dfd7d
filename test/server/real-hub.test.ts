import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import type { HubClient, Introduction } from "../../sidecar/client/client.ts";
import { readRecord } from "../../sidecar/client/record.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { methods } from "../../sidecar/protocol/methods.ts";
import { createArbitraries } from "../protocol/arbitrary.ts";
import { createPlace, type Place, until } from "../support/hub.ts";
import { openSocket, speak } from "./support.ts";

const waiting = `podium: 1
name: wait
steps:
  - { id: ok, approve: "Go on?" }
output: ok.approved
`;
const codeOf = (error: unknown): string => (error instanceof PodiumError ? error.code : String(error));

const committed = new Ajv2020({ strict: false }).addSchema(
  JSON.parse(readFileSync("docs/schemas/protocol.json", "utf8")),
);
const written = JSON.parse(readFileSync("docs/schemas/protocol.json", "utf8")) as {
  readonly methods: Readonly<Record<string, { readonly result: { readonly $ref: string } }>>;
};
const resultOf = (method: string): ValidateFunction => {
  const reference = written.methods[method]?.result.$ref ?? assert.fail(method);
  return committed.getSchema(`urn:podium:protocol:1${reference}`) ?? assert.fail(reference);
};

const introductionOf = (roots: readonly string[]): Introduction => ({
  client: "test",
  build: { version: "0.0.0", builtAt: "1970-01-01T00:00:00.000Z", channel: "dev" },
  scopes: ["read", "run"],
  human: false,
  roots: [...roots],
  trusted: true,
});

describe("a real hub", function () {
  this.timeout(60_000);
  let place: Place;
  let ours: HubClient;
  let theirs: HubClient;
  let parked = "";
  let answered = "";
  let record: { port: number; token: string; human: string; pid: number };
  let otherRoot = "";

  const reach = (roots: readonly string[]): Promise<HubClient> => place.reach({ introduction: introductionOf(roots) });
  const rest = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${record.port}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${record.token}`, ...init.headers },
    });

  before(async () => {
    place = createPlace();
    otherRoot = join(place.home, "..", "other");
    mkdirSync(otherRoot);
    place.write(".podium/workflows/wait.yaml", waiting);
    ours = await reach([place.root]);
    theirs = await reach([otherRoot]);
    const { port = 0, token = "", human = "", pid = 0 } = readRecord(place.home) ?? {};
    record = { port, token, human, pid };
    const input = { question: "Where does the brass key hang?" };
    answered = (await ours.request("run.start", { workflow: "ask_workspace", input })).run;
    parked = (await ours.request("run.start", { workflow: "wait", input: {} })).run;
    await until("end of the answer", async () => (await ours.request("run.events", { run: answered, after: 0 })).ended);
    await until("the question", async () => (await ours.request("run.get", { run: parked })).waits.length === 1);
  });
  after(async () => {
    ours.close();
    theirs.close();
    await place.remove();
  });

  describe("keeps workspaces apart", () => {
    /** Parameters of every method that names a run, so that a new one cannot be forgotten. */
    const aboutRuns = Object.entries(methods).filter(([, { params }]) => "run" in params.shape);

    it("so that a client of another folder cannot see, answer, end or export a run", async () => {
      assert.ok(aboutRuns.length >= 8);
      const socket = await openSocketOf();
      for (const [method] of aboutRuns) {
        for (const run of [parked, answered]) {
          const params = { run, after: 0, hash: "h", value: { approved: true } };
          assert.equal((await socket.ask(method, params)).error?.code, "unknown_run", method);
        }
      }
      socket.end();
      const { status, waits } = await ours.request("run.get", { run: parked });
      assert.deepEqual([status, waits.length], ["parked", 1]);
    });
    const openSocketOf = async (): Promise<{ ask: ReturnType<typeof speak>["ask"]; end(): void }> => {
      const socket = await openSocket(record.port, "/ws", record.token);
      const { ask } = speak(socket);
      const { protocol, minProtocol } = { protocol: 1, minProtocol: 1 };
      const build = { version: "0", builtAt: "0", channel: "dev" };
      const said = { token: record.token, scopes: ["read", "run"], client: "test", build, protocol, minProtocol };
      await ask("hello", { ...said, roots: [otherRoot], trusted: true });
      return { ask, end: () => socket.terminate() };
    };

    it("and lists nothing of it, also for one that asks for all without the right", async () => {
      assert.deepEqual((await theirs.request("run.list", { all: true })).runs, []);
      const mine = (await ours.request("run.list", {})).runs.map(({ run }) => run);
      assert.ok(mine.includes(parked) && mine.includes(answered));
      const { workflows } = await theirs.request("workflow.list", {});
      assert.equal(
        workflows.some(({ name }) => name === "wait"),
        false,
      );
    });

    it("and starts or reviews nothing in a folder that the window does not have", async () => {
      const input = { question: "Where?" };
      for (const attempt of [
        () => theirs.request("run.start", { workflow: "ask_workspace", input, root: place.root }),
        () => theirs.request("review.scopes", { root: place.root }),
      ])
        await assert.rejects(attempt, (error) => codeOf(error) === "outside_workspace");
      await assert.rejects(
        () => theirs.request("run.start", { workflow: "wait", input: {} }),
        (error) => codeOf(error) === "unknown_workflow",
      );
    });

    it("and tells a window nothing of what happens in another", async () => {
      const told: unknown[] = [];
      const { stop } = await theirs.watch("hub.watch", {}, (item) => told.push(item));
      const input = { question: "How does the drawer open?" };
      const { run } = await ours.request("run.start", { workflow: "ask_workspace", input });
      await until("end", async () => (await ours.request("run.events", { run, after: 0 })).ended);
      await theirs.request("ping", {});
      stop();
      assert.equal(JSON.stringify(told).includes(run), false, JSON.stringify(told));
      assert.equal(JSON.stringify(told).includes(place.root), false);
      assert.deepEqual(
        told.filter((item) => typeof item === "object" && item !== null && "runs" in item),
        [{ runs: [] }],
      );
    });
  });

  it("reads, starts and reviews nothing for a folder that is not trusted", async () => {
    const client = await place.reach({
      introduction: { ...introductionOf([place.root]), trusted: false },
    });
    const input = { question: "Where?" };
    for (const attempt of [
      () => client.request("run.start", { workflow: "ask_workspace", input }),
      () => client.request("workflow.check", {}),
      () => client.request("review.scopes", { root: place.root }),
    ])
      await assert.rejects(attempt, (error) => codeOf(error) === "trust");
    const { workflows } = await client.request("workflow.list", {});
    assert.equal(
      workflows.some(({ name }) => name === "wait"),
      false,
    );
    // Trust that is granted while the window is open counts at once.
    await client.request("settings.set", { settings: {}, trusted: true });
    assert.ok((await client.request("workflow.list", {})).workflows.some(({ name }) => name === "wait"));
    client.close();
  });

  it("answers questions that are made to break a search or a query", async () => {
    for (const question of [
      'NEAR("',
      "'); DROP TABLE runs; --",
      '"unterminated',
      "a* OR b:c ^ (",
      "-",
      "\u0000",
      "__proto__",
    ]) {
      const { run } = await ours.request("run.start", { workflow: "ask_workspace", input: { question } });
      await until("end", async () => (await ours.request("run.events", { run, after: 0 })).ended);
      const { status, error } = await ours.request("run.get", { run });
      assert.equal(status, "succeeded", `${question}: ${JSON.stringify(error)}`);
    }
    assert.ok((await ours.request("run.list", {})).runs.length > 7);
  });

  it("imports what it exported, and refuses every other text with a reason", async () => {
    const { jsonl } = await ours.request("run.export", { run: answered });
    assert.equal((await ours.request("run.import", { jsonl })).run, answered);
    const [header = "", ...lines] = jsonl.trimEnd().split("\n");
    const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    const refused: readonly (readonly [string, string])[] = [
      ["", "invalid_input"],
      ["not json", "invalid_input"],
      ["[]\n1", "invalid_input"],
      [lines.join("\n"), "invalid_input"],
      [header, "invalid_input"],
      [[header, ...lines.slice(1)].join("\n"), "invalid_input"],
      [[header, ...lines].join("\n").replace("brass", "steel"), "invalid_input"],
      [[header.replace(/run_\w+/, "run_other"), ...lines].join("\n"), "invalid_input"],
      [[header, '{"blob":"x","base64":"%%%"}', ...lines].join("\n"), "invalid_input"],
      [[header, ...lines, deep].join("\n"), "too_deep"],
    ];
    for (const [text, code] of refused)
      await assert.rejects(
        () => ours.request("run.import", { jsonl: text }),
        (error) => codeOf(error) === code,
        text.slice(0, 60),
      );
  });

  describe("answers what its committed schemas say", () => {
    it("over the socket", async () => {
      const ask = async (method: keyof typeof methods, params: object): Promise<void> => {
        const takes = resultOf(method);
        const result = await (ours.request as (name: string, given: object) => Promise<unknown>).call(
          ours,
          method,
          params,
        );
        assert.ok(takes(result), `${method}: ${JSON.stringify(takes.errors)}`);
      };
      await ask("ping", {});
      await ask("run.list", { limit: 1 });
      for (const run of [parked, answered]) {
        await ask("run.get", { run });
        await ask("run.events", { run, after: 0 });
        await ask("run.export", { run });
      }
      await ask("workflow.list", {});
      await ask("workflow.check", {});
      await ask("model.list", { refresh: true });
      await ask("review.scopes", { root: place.root });
      await ask("doctor.run", {});
      await ask("hub.status", {});
      assert.ok(committed.getSchema("urn:podium:protocol:1#/$defs/HelloResult")?.(ours.hello));
      const raw: unknown = JSON.parse(readFileSync(join(place.home, "hub.json"), "utf8"));
      assert.ok(committed.getSchema("urn:podium:protocol:1#/$defs/HubRecord")?.(raw));
    });

    it("over plain HTTP, by the document it serves itself", async () => {
      const document = (await (await rest("/api/v1/openapi.json")).json()) as {
        readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Responses }>>>>;
      };
      type Responses = Readonly<
        Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
      >;
      const takes = new Ajv2020({ strict: false }).addSchema({ ...document, $id: "urn:podium:served" });
      const pointer = (part: string): string => part.replaceAll("~", "~0").replaceAll("/", "~1");
      const check = async (verb: string, path: string, query = "", init: RequestInit = {}): Promise<unknown> => {
        const answer = await rest(path.replace("{run}", answered) + query, { method: verb.toUpperCase(), ...init });
        const body: unknown = await answer.json();
        const at = `#/paths/${pointer(path)}/${verb}/responses/${answer.status}/content/application~1json/schema`;
        const schema =
          takes.getSchema(`urn:podium:served${at}`) ?? assert.fail(`${verb} ${path} answered ${answer.status}`);
        assert.ok(schema(body), `${path}: ${JSON.stringify(schema.errors)}`);
        return body;
      };
      for (const [path, query] of [
        ["/ready", ""],
        ["/health", ""],
        ["/api/v1/runs", "?limit=2"],
        ["/api/v1/runs/{run}", ""],
        ["/api/v1/runs/{run}/events", "?after=1&limit=3"],
        ["/api/v1/workflows", ""],
        ["/api/v1/models", "?refresh=false"],
      ] as const)
        await check("get", path, query);
      await check("delete", "/api/v1/runs/{run}");
      const body = JSON.stringify({ workflow: "ask_workspace", input: { question: "Where?" }, root: place.root });
      const post = { body, headers: { "content-type": "application/json", "idempotency-key": "once" } };
      const first = await check("post", "/api/v1/runs", "", post);
      assert.deepEqual(await check("post", "/api/v1/runs", "", post), first);
      const problem = await rest("/api/v1/runs/run_nowhere");
      assert.deepEqual([problem.status, problem.headers.get("content-type")], [404, "application/problem+json"]);
      const { code, status, detail } = (await problem.json()) as Record<string, unknown>;
      assert.deepEqual([code, status, typeof detail], ["unknown_run", 404, "string"]);
    });

    it("never with a server error, whatever is asked", async () => {
      const arbitraryOf = createArbitraries();
      const word = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("..", "%00", "__proto__", "'; drop", "run_1"));
      const client = await reach([otherRoot]);
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...Object.entries(methods)),
          fc.gen(),
          word,
          async ([method, row], gen, name) => {
            if (["hello", "hub.stop", "run.watch", "hub.watch", "doctor.run", "model.list"].includes(method)) return;
            const given = gen(() => arbitraryOf(row.params)) as object;
            const params = "run" in row.params.shape ? { ...given, run: name } : given;
            try {
              await (client.request as (named: string, with_: object) => Promise<unknown>).call(client, method, params);
            } catch (error) {
              assert.notEqual(codeOf(error), "internal", `${method} ${JSON.stringify(params)}: ${String(error)}`);
              assert.notEqual(codeOf(error), "no_hub", `${method} ${JSON.stringify(params)} ended the socket`);
            }
          },
        ),
        { numRuns: 300 },
      );
      client.close();
    });
  });

  describe("keeps its secrets", () => {
    it("in files that only their owner may read", () => {
      const modes = new Map<string, string>();
      const walk = (folder: string): void => {
        modes.set(folder, (statSync(folder).mode & 0o777).toString(8));
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
          const path = join(folder, entry.name);
          if (entry.isDirectory()) walk(path);
          else modes.set(path, (statSync(path).mode & 0o777).toString(8));
        }
      };
      walk(place.home);
      for (const [path, mode] of modes)
        assert.equal(mode, statSync(path).isDirectory() ? "700" : "600", `${path} has mode ${mode}`);
      assert.ok(modes.has(join(place.home, "hub.json")) && modes.has(join(place.home, "podium.db")));
    });

    it("and nowhere else: not in arguments, environment, log, database or any answer", async () => {
      assert.ok(record.token.length >= 43 && record.human.length >= 43, "less than 256 bits");
      const secrets = [record.token, record.human];
      const places: Record<string, string> = {
        arguments: readFileSync(`/proc/${record.pid}/cmdline`, "latin1"),
        environment: readFileSync(`/proc/${record.pid}/environ`, "latin1"),
      };
      for (const name of readdirSync(place.home, { recursive: true, encoding: "utf8" })) {
        const file = join(place.home, name);
        if (name !== "hub.json" && statSync(file).isFile()) places[name] = readFileSync(file, "latin1");
      }
      assert.ok((places["podium.db"]?.length ?? 0) > 0);
      for (const path of ["/ready", "/health", "/api/v1/openapi.json", "/api/v1/runs", `/api/v1/runs/${answered}`])
        places[path] = await (await rest(path)).text();
      places["an error"] = await (
        await rest("/nothing", { headers: { authorization: `Bearer ${record.token}x` } })
      ).text();
      places["export"] = (await ours.request("run.export", { run: answered })).jsonl;
      places["hello"] = JSON.stringify(ours.hello);
      places["doctor"] = JSON.stringify(await ours.request("doctor.run", {}));
      for (const [where, text] of Object.entries(places))
        for (const secret of secrets) assert.equal(text.includes(secret), false, `a secret stands in: ${where}`);
    });

    it("and are new at each start", async () => {
      const place2 = createPlace();
      const before = await place2.reach();
      const first = readRecord(place2.home);
      before.close();
      await place2.kill();
      const again = await place2.reach();
      const second = readRecord(place2.home);
      again.close();
      await place2.remove();
      assert.notEqual(first?.token, second?.token);
      assert.notEqual(first?.human, second?.human);
      assert.equal(new Set([first?.token, first?.human, record.token, record.human]).size, 4);
    });
  });
});
