import * as z from "zod";
import { errorCodes } from "../protocol/errors.ts";
import type { Build } from "../protocol/hub.ts";
import { type Method, methodNames, methods } from "../protocol/methods.ts";
import { type NamedSchemas, namedSchemas } from "../protocol/schemas.ts";

type Verb = "get" | "post" | "put" | "delete";
type JsonSchema = Readonly<Record<string, unknown>>;

/** A row of the method table that has a REST address. */
export interface RestRow {
  readonly method: Method;
  readonly verb: Verb;
  /** With `{name}` for each parameter that stands in the path. */
  readonly path: string;
  readonly idem: boolean;
  readonly params: z.ZodType;
  readonly result: z.ZodType;
}

/** Every row with `rest`, in the order of the table. */
export const restRows: readonly RestRow[] = methodNames.flatMap((method): RestRow[] => {
  const row = methods[method];
  if (!("rest" in row)) return [];
  const { params, result, rest } = row;
  return [{ method, ...rest, idem: "idem" in row, params, result }];
});

const hasBody = (verb: Verb): boolean => verb === "post" || verb === "put";
const isInPath = ({ path }: RestRow, name: string): boolean => path.includes(`{${name}}`);

/** The fields of a row's parameters and the names of those that must be there, as JSON Schema says them. */
function fieldsOf({ params }: RestRow): {
  readonly fields: ReadonlyMap<string, JsonSchema>;
  readonly required: readonly string[];
} {
  const { properties = {}, required = [] } = z.toJSONSchema(params, { io: "input", unrepresentable: "any" });
  const fields = Object.entries(properties).map(([name, schema]): [string, JsonSchema] => [
    name,
    typeof schema === "object" ? { ...schema } : {},
  ]);
  return { fields: new Map(fields), required };
}

/**
 * Turns the words of a path and a query into the values that the row's parameters take; a word that fits no type stays
 * as it is, and the schema names it.
 */
export function wordsDecoder(row: RestRow): (words: Readonly<Record<string, string>>) => Record<string, unknown> {
  const { fields } = fieldsOf(row);
  const decode = (name: string, word: string): unknown => {
    const type = fields.get(name)?.["type"];
    if ((type === "integer" || type === "number") && /^-?\d+(\.\d+)?$/.test(word)) return Number(word);
    if (type === "boolean" && (word === "true" || word === "false")) return word === "true";
    return word;
  };
  return (words) => Object.fromEntries(Object.entries(words).map(([name, word]) => [name, decode(name, word)]));
}

const problemSchema = {
  type: "object",
  required: ["type", "title", "detail", "status", "code"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    detail: { type: "string", description: "One sentence: the cause and the way out." },
    status: { type: "integer" },
    code: { type: "string", enum: errorCodes },
  },
} as const;

const problem = { $ref: "#/components/responses/Problem" };

function operation(row: RestRow, { methods: references }: NamedSchemas): object {
  const { fields, required } = fieldsOf(row);
  const parameters = [...fields]
    .filter(([name]) => isInPath(row, name) || !hasBody(row.verb))
    .map(([name, schema]) => ({
      name,
      in: isInPath(row, name) ? "path" : "query",
      required: isInPath(row, name) || required.includes(name),
      schema,
    }));
  const idempotencyKey = {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description: "The same key returns the first result again.",
    schema: { type: "string" },
  };
  const { params, result } = references[row.method] ?? { params: {}, result: {} };
  return {
    operationId: row.method,
    parameters: row.idem ? [...parameters, idempotencyKey] : parameters,
    ...(hasBody(row.verb)
      ? { requestBody: { required: true, content: { "application/json": { schema: params } } } }
      : {}),
    responses: {
      [row.verb === "post" ? "201" : "200"]: {
        description: "Done",
        content: { "application/json": { schema: result } },
      },
      default: problem,
    },
  };
}

const prefix = "#/components/schemas/";

/** The definitions that `from` needs, also through others. */
function reachable(from: object, all: NamedSchemas["definitions"]): NamedSchemas["definitions"] {
  const found = new Map<string, JsonSchema>();
  const open: object[] = [from];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const [, name = ""] of JSON.stringify(next).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      const schema = all[name];
      if (found.has(name) || !schema) continue;
      found.set(name, schema);
      open.push(schema);
    }
  }
  return Object.fromEntries([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
}

const answer = (description: string, schema: object): object => ({
  "200": { description, content: { "application/json": { schema } } },
  default: problem,
});

/** OpenAPI 3.1 of every address that answers. */
export function openApi(build: Build): object {
  const paths: Record<string, Record<string, object>> = {
    "/health": {
      get: {
        operationId: "health",
        security: [{}, { token: [] }],
        responses: answer("The hub is there", {
          type: "object",
          required: ["ok"],
          properties: { ok: { const: true } },
        }),
      },
    },
    "/api/v1/openapi.json": {
      get: { operationId: "openapi", responses: answer("This document", { type: "object" }) },
    },
  };
  const named = namedSchemas(prefix);
  for (const row of restRows) paths[row.path] = { ...paths[row.path], [row.verb]: operation(row, named) };
  return {
    openapi: "3.1.0",
    info: { title: "Podium", version: build.version },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    components: {
      schemas: reachable(paths, named.definitions),
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "The token of hub.json." } },
      responses: {
        Problem: {
          description: "RFC 9457: what went wrong and what to do",
          content: { "application/problem+json": { schema: problemSchema } },
        },
      },
    },
    paths,
  };
}
