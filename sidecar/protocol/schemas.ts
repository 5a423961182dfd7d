import * as z from "zod";
import { ErrorShape } from "./errors.ts";
import { LiveEvent, Ref, RunEvent, RunSettings, Timings, Usage } from "./events.ts";
import { Attention, Build, Hello, HelloResult, HubRecord, PROTOCOL_VERSION } from "./hub.ts";
import { Budget, Ir, Node, Problem } from "./ir.ts";
import { Json, JsonObject } from "./json.ts";
import { methods } from "./methods.ts";
import { CapabilityCard, EndpointInfo, ModelInfo, ModelsResult } from "./models.ts";
import { FromPanel, ToPanel } from "./panel.ts";
import {
  CheckResult,
  DoctorResult,
  RunResult,
  RunRow,
  RunShow,
  RunsResult,
  StepRow,
  Wait,
  WorkflowInfo,
} from "./results.ts";
import { AskResult, Citation, Finding, FindingSignal, HeldFinding, ReviewResult } from "./review.ts";
import { TypeSpec } from "./types.ts";
import { ClientFrame, ServerFrame } from "./wire.ts";

/** Every shape that has a name on a wire: socket, REST, the panel, `hub.json`, the log of a run. */
export const wireSchemas: { readonly [name: string]: z.ZodType } = {
  AskResult,
  Attention,
  Budget,
  Build,
  CapabilityCard,
  CheckResult,
  Citation,
  ClientFrame,
  DoctorResult,
  EndpointInfo,
  ErrorShape,
  Finding,
  FindingSignal,
  FromPanel,
  HeldFinding,
  Hello,
  HelloResult,
  HubRecord,
  Ir,
  Json,
  JsonObject,
  LiveEvent,
  ModelInfo,
  ModelsResult,
  Node,
  Problem,
  Ref,
  ReviewResult,
  RunEvent,
  RunResult,
  RunRow,
  RunSettings,
  RunShow,
  RunsResult,
  ServerFrame,
  StepRow,
  Timings,
  ToPanel,
  TypeSpec,
  Usage,
  Wait,
  WorkflowInfo,
};

/** What a command prints with `--format json` (PRODUCT 4.1), by command; `error` = it failed before a run was there. */
export const resultSchemas: { readonly [command: string]: z.ZodType } = {
  run: RunResult,
  ask: RunResult.extend({ result: AskResult.nullable() }),
  review: RunResult.extend({ result: ReviewResult.nullable() }),
  "runs-ls": RunsResult,
  "runs-show": RunShow,
  "models-ls": ModelsResult,
  doctor: DoctorResult,
  check: CheckResult,
  error: z.object({ error: ErrorShape }),
};

type JsonSchema = Readonly<Record<string, unknown>>;
const draft = "https://json-schema.org/draft/2020-12/schema";

/** The bounds that only say "a safe integer" are left out; every other bound is the contract. */
const options = {
  io: "input",
  override: ({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  },
} as const;

/** JSON Schema (draft 2020-12) of what one command prints. Fields that are not named may be there. */
export function resultSchema(command: string): JsonSchema {
  const schema = resultSchemas[command];
  if (!schema) throw new RangeError(`no command ${command}`);
  const { $schema: _, ...written } = z.toJSONSchema(schema, options);
  return { $schema: draft, $id: `urn:podium:result:${command}`, title: `podium ${command} --format json`, ...written };
}

/** JSON Schemas of the wire's shapes by name, and of each method where its parameters, result and items stand among them. */
export interface NamedSchemas {
  readonly methods: Readonly<Record<string, { params: JsonSchema; result: JsonSchema; item?: JsonSchema }>>;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
}

/** `prefix` is where the definitions will stand in the document, such as `#/$defs/`. */
export function namedSchemas(prefix: string): NamedSchemas {
  const names = z.registry<{ id?: string }>();
  for (const [name, schema] of Object.entries(wireSchemas)) names.add(schema, { id: name });
  const reference = (id: string, schema: z.ZodType): JsonSchema => {
    if (!names.has(schema)) names.add(schema, { id });
    return { $ref: `${prefix}${names.get(schema)?.id ?? id}` };
  };
  const rows = Object.entries(methods).map(([method, row]) => [
    method,
    {
      params: reference(`${method}.params`, row.params),
      result: reference(`${method}.result`, row.result),
      ...("item" in row ? { item: reference(`${method}.item`, row.item) } : {}),
    },
  ]);
  const { schemas } = z.toJSONSchema(names, { ...options, uri: (id) => `${prefix}${id}` });
  const definitions = Object.entries(schemas)
    .map(([name, { $schema: _, $id: __, ...schema }]): [string, JsonSchema] => [name, schema])
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return { methods: Object.fromEntries(rows), definitions: Object.fromEntries(definitions) };
}

/** The whole wire as one JSON Schema document: `methods` names the rows of the method table, `$defs` every shape. */
export function protocolSchema(): JsonSchema {
  const named = namedSchemas("#/$defs/");
  const rows = Object.entries(methods).map(([method, { params: _, result: __, ...row }]) => {
    const { item: ___, ...facts } = { item: null, ...row };
    return [method, { ...facts, ...named.methods[method] }];
  });
  return {
    $schema: draft,
    $id: `urn:podium:protocol:${PROTOCOL_VERSION}`,
    title: "Podium's wire",
    methods: Object.fromEntries(rows),
    $defs: named.definitions,
  };
}
