import * as z from "zod";
import { Json } from "./json.ts";

/** The type language of workflow files: `string int number bool any`, `a | b`, `T?`, `[T]`, `{…}`, `= default`. */
export type TypeSpec =
  | {
      readonly kind: "string" | "int" | "number" | "bool" | "any";
      readonly optional?: boolean;
      readonly default?: Json;
    }
  | { readonly kind: "enum"; readonly values: readonly string[]; readonly optional?: boolean; readonly default?: Json }
  | { readonly kind: "list"; readonly item: TypeSpec; readonly optional?: boolean; readonly default?: Json }
  | {
      readonly kind: "object";
      readonly fields: { readonly [name: string]: TypeSpec };
      readonly optional?: boolean;
      readonly default?: Json;
    };

const extras = { optional: z.boolean().exactOptional(), default: Json.exactOptional() };
export const TypeSpec: z.ZodType<TypeSpec> = z.lazy(() =>
  z.union([
    z.strictObject({ kind: z.enum(["string", "int", "number", "bool", "any"]), ...extras }),
    z.strictObject({ kind: z.literal("enum"), values: z.array(z.string()), ...extras }),
    z.strictObject({ kind: z.literal("list"), item: TypeSpec, ...extras }),
    z.strictObject({ kind: z.literal("object"), fields: z.record(z.string(), TypeSpec), ...extras }),
  ]),
);
