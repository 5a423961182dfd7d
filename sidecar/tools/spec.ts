import type * as z from "zod";
import type { ToolContext, WorkspaceContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { Json } from "../protocol/json.ts";
import type { TypeSpec } from "../protocol/types.ts";

export const text: TypeSpec = { kind: "string" };
export const whole: TypeSpec = { kind: "int" };
export const real: TypeSpec = { kind: "number" };
export const flag: TypeSpec = { kind: "bool" };
export const any: TypeSpec = { kind: "any" };
export const list = (item: TypeSpec): TypeSpec => ({ kind: "list", item });
export const record = (fields: { readonly [name: string]: TypeSpec }): TypeSpec => ({ kind: "object", fields });
export const choice = (values: readonly string[]): TypeSpec => ({ kind: "enum", values });
export const maybe = (spec: TypeSpec): TypeSpec => ({ ...spec, optional: true });

/** Parses the input of a tool; throws `invalid_input` naming tool and field. */
export function parseInput<T>(tool: string, schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join(".") || "input";
  throw new PodiumError("invalid_input", `${tool}: ${field}: ${issue?.message ?? "not valid"}`, {
    cause: parsed.error,
  });
}

/** Plain JSON of a readonly result: keys without a value are left out. */
export const toJson = (value: unknown): Json => Json.parse(JSON.parse(JSON.stringify(value)));

export const inWorkspace = ({ root, env, signal }: ToolContext): WorkspaceContext => ({ root, env, signal });
