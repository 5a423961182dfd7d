import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import fc from "fast-check";
import type { Build } from "../../sidecar/protocol/hub.ts";
import { methods } from "../../sidecar/protocol/methods.ts";
import type { Handlers } from "../../sidecar/server/caller.ts";
import { createHttp } from "../../sidecar/server/http.ts";
import { openApi } from "../../sidecar/server/openapi.ts";
import { createArbitraries, overTheWire } from "../protocol/arbitrary.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; required: boolean; schema: { type?: string } }[];
  readonly requestBody?: object;
  readonly responses: object;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

type Specification = Parameters<Validator["validate"]>[0];
const build: Build = { version: "1.2.3", builtAt: "2026-01-01T00:00:00.000Z", channel: "dev" };
let given: { readonly method: string; readonly params: unknown } | null = null;
const handlers = new Proxy({} as Handlers, {
  get: (_target, method) => async (params: unknown) => {
    given = { method: String(method), params };
    return {};
  },
});

describe("the OpenAPI document", () => {
  const document = overTheWire(openApi(build)) as Document;
  const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
  );

  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document) as unknown as Specification);
    assert.deepEqual([valid, errors ?? [], validator.version], [true, [], "3.1"]);
    const broken = await new Validator().validate({
      ...document,
      paths: { "/x": { get: { responses: 1 } } },
    } as Specification);
    assert.equal(broken.valid, false, "the validator accepts everything");
  });

  it("names each route of the server, and no other", () => {
    const served = createHttp(handlers, build)
      .routes.filter(({ path }) => path !== "/*")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    assert.deepEqual(operations.map(({ path, verb }) => `${verb.toUpperCase()} ${path}`).sort(), served.sort());
  });

  it("gives each operation its own id, its path's parameters and an answer for what goes wrong", () => {
    assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const written = operation.parameters?.filter((parameter) => parameter.in === "path") ?? [];
      assert.deepEqual(
        written.map(({ name }) => name),
        inPath,
      );
      assert.ok(written.every(({ required }) => required));
      assert.ok("default" in operation.responses);
    }
  });

  it("tells the query of a list, and the server reads it by those types", async () => {
    const list = document.paths["/api/v1/runs"]?.["get"];
    assert.deepEqual(
      list?.parameters?.map(({ name, in: where, schema }) => [name, where, schema.type]),
      [
        ["limit", "query", "integer"],
        ["before", "query", "string"],
        ["all", "query", "boolean"],
      ],
    );
    const app = createHttp(handlers, build);
    const ask = async (path: string): Promise<[number, unknown]> => {
      given = null;
      const { status } = await app.request(path);
      return [status, given];
    };
    assert.deepEqual(await ask("/api/v1/runs?limit=3&all=false&before=7&other=1"), [
      200,
      { method: "run.list", params: { limit: 3, all: false, before: "7" } },
    ]);
    assert.deepEqual(await ask("/api/v1/models?refresh=true"), [
      200,
      { method: "model.list", params: { refresh: true } },
    ]);
    for (const query of [
      "limit=0",
      "limit=501",
      "limit=",
      "limit=1e2",
      "limit=x",
      "limit=1.5",
      "all=1",
      "all=",
      "all=yes",
    ])
      assert.deepEqual(await ask(`/api/v1/runs?${query}`), [400, null], query);
  });

  it("takes the fields of a post from the body only", async () => {
    const app = createHttp(handlers, build);
    const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
      given = null;
      const answer = await app.request(path, {
        method: "POST",
        body,
        headers: { "content-type": "application/json; charset=utf-8", ...headers },
      });
      return [answer.status, given];
    };
    const body = '{"workflow":"w","input":{"a":1}}';
    const params = { workflow: "w", input: { a: 1 } };
    assert.deepEqual(await post("/api/v1/runs?root=/elsewhere", body), [201, { method: "run.start", params }]);
    assert.deepEqual(await post("/api/v1/runs", body, { "idempotency-key": "k" }), [
      201,
      { method: "run.start", params: { ...params, idem: "k" } },
    ]);
    for (const wrong of ["", "[]", "null", '"text"', "{", '{"workflow":1,"input":{}}'])
      assert.deepEqual(await post("/api/v1/runs", wrong), [400, null], wrong);
    assert.ok(methods["run.start"].idem);
  });

  it("answers 3,000 strange requests without a server error, and hands on only what fits the document", async () => {
    const app = createHttp(handlers, build);
    const word = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        "..",
        "%00",
        "%",
        "%2e%2e%2f",
        "run_1",
        "__proto__",
        "\u2028",
        "-1",
        "1e9",
        "true",
        "[]",
        "é漢🙂",
      ),
    );
    const path = fc.oneof(
      fc.constantFrom(...operations.map(({ path: known }) => known)),
      fc.array(word, { maxLength: 4 }).map((parts) => `/${parts.join("/")}`),
    );
    const query = fc.dictionary(fc.oneof(word, fc.constantFrom("limit", "after", "before", "all", "refresh")), word);
    const body = fc.oneof(
      fc.json({ maxDepth: 3 }),
      fc.string(),
      createArbitraries()(methods["run.start"].params).map((value) => JSON.stringify(value)),
    );
    const verb = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS");
    const schemas = new Map(Object.entries(methods).map(([method, row]) => [method, row.params]));
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(verb, path, word, query, body, async (method, at, run, words, text) => {
        given = null;
        const url = new URL(`http://127.0.0.1${at.replace("{run}", encodeURIComponent(run) || "x")}`);
        for (const [name, value] of Object.entries(words)) url.searchParams.append(name, value);
        const hasBody = ["POST", "PUT", "PATCH"].includes(method);
        const headers = { "content-type": "application/json" };
        const { status } = await app.request(url, { method, ...(hasBody ? { body: text, headers } : {}) });
        statuses.add(status);
        assert.ok(status < 500, `${method} ${url} ${text}: ${status}`);
        const reached = given as { method: string; params: unknown } | null;
        assert.equal(reached !== null, status < 300 && !["/health", "/api/v1/openapi.json"].includes(url.pathname));
        if (reached) assert.ok(schemas.get(reached.method)?.safeParse(reached.params).success);
      }),
      { numRuns: 3000 },
    );
    for (const status of [200, 201, 400, 404]) assert.ok(statuses.has(status), `${status} never came`);
  }).timeout(60_000);
});
