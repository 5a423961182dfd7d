import fc from "fast-check";
import * as z from "zod";

/** A field that no schema names: what a newer peer might add. */
const novelty = "zz_new_field";

/** What zod keeps about a schema, as far as the wire uses it. */
interface Def {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly left?: z.ZodType;
  readonly right?: z.ZodType;
  readonly keyType?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, string>>;
}

const defOf = (schema: z.ZodType): Def => schema._zod.def as unknown as Def;

/** Bounds and patterns of a number or text, as its JSON Schema says them. */
interface Leaf {
  readonly type?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
}

const key = fc
  .oneof(fc.string({ maxLength: 6 }), fc.constantFrom("constructor", "toString", "é漢🙂", "a.b", "\u2028"))
  .filter((name) => name !== "__proto__" && name !== novelty);
const text = fc.oneof(fc.string({ maxLength: 8, unit: "binary" }), key);

function numberOf(schema: z.ZodType): fc.Arbitrary<number> {
  const { type, minimum = -1e15, exclusiveMinimum = -1e15, maximum = 1e15 } = z.toJSONSchema(schema) as Leaf;
  if (type === "integer") {
    const min = Math.max(minimum, exclusiveMinimum + 1, Number.MIN_SAFE_INTEGER);
    return fc.integer({ min, max: maximum });
  }
  const min = Math.max(minimum, exclusiveMinimum + 1e-6);
  // Zero has one sign in JSON.
  return fc.double({ min, max: maximum, noNaN: true }).map((value) => value + 0);
}

function textOf(schema: z.ZodType): fc.Arbitrary<string> {
  const { pattern, minLength = 0 } = z.toJSONSchema(schema) as Leaf;
  return pattern ? fc.stringMatching(new RegExp(pattern)) : text.filter((value) => value.length >= minLength);
}

const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 2 },
    fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), text),
    fc.array(tie("json"), { maxLength: 2 }),
    fc.dictionary(key, tie("json"), { maxKeys: 2, noNullPrototype: true }),
  ),
}));

const part = (schema: z.ZodType | undefined): z.ZodType => {
  if (schema) return schema;
  throw new Error("a schema without its part");
};

/**
 * Values as they look on a wire, for any schema of sidecar/protocol; a kind of schema that it does not know is an error,
 * so that none is left untried. With `extra` each object that tolerates it has one field more.
 */
export function createArbitraries(extra = false): (schema: z.ZodType) => fc.Arbitrary<unknown> {
  const known = new Map<z.ZodType, fc.Arbitrary<unknown>>();
  const depth = fc.createDepthIdentifier();

  const objectOf = ({ shape = {}, catchall }: Def, inLazy: boolean): fc.Arbitrary<unknown> => {
    const fields = Object.entries(shape).map(([name, field]): [string, fc.Arbitrary<unknown>] => [
      name,
      build(field, inLazy),
    ]);
    const required = Object.keys(shape).filter((name) => defOf(part(shape[name])).type !== "optional");
    const isStrict = catchall !== undefined && defOf(catchall).type === "never";
    if (extra && !isStrict) {
      fields.push([novelty, json]);
      required.push(novelty);
    }
    return fc.record(Object.fromEntries(fields), { requiredKeys: required, noNullPrototype: true });
  };

  const build = (schema: z.ZodType, inLazy: boolean): fc.Arbitrary<unknown> => {
    const def = defOf(schema);
    switch (def.type) {
      case "string":
        return textOf(schema);
      case "number":
        return numberOf(schema);
      case "boolean":
        return fc.boolean();
      case "null":
        return fc.constant(null);
      case "unknown":
        return json;
      case "literal":
        return fc.constantFrom(...(def.values ?? []));
      case "enum":
        return fc.constantFrom(...Object.values(def.entries ?? {}));
      case "optional":
        return build(part(def.innerType), inLazy);
      case "nullable":
        return fc.option(build(part(def.innerType), inLazy), { nil: null });
      case "array":
        return fc.array(build(part(def.element), inLazy), { maxLength: 2 });
      case "record":
        return fc.dictionary(
          build(part(def.keyType), inLazy).filter((name) => name !== "__proto__") as fc.Arbitrary<string>,
          build(part(def.valueType), inLazy),
          { maxKeys: 2, noNullPrototype: true },
        );
      case "object":
        return objectOf(def, inLazy);
      case "union": {
        const options = (def.options ?? []).map((option) => build(option, inLazy));
        // The first option of each recursive union ends it.
        return inLazy ? fc.oneof({ depthIdentifier: depth, maxDepth: 2 }, ...options) : fc.oneof(...options);
      }
      case "intersection":
        return fc
          .tuple(build(part(def.left), inLazy), build(part(def.right), inLazy))
          .map(([left, right]) => ({ ...Object(left), ...Object(right) }));
      case "lazy":
        return lazily((schema as z.ZodLazy<z.ZodType>)._zod.innerType);
      default:
        throw new Error(`no values for the schema kind ${def.type}`);
    }
  };

  const lazily = (inner: z.ZodType): fc.Arbitrary<unknown> => {
    const found = known.get(inner);
    if (found) return found;
    known.set(
      inner,
      fc.constant(null).chain(() => known.get(inner) ?? fc.constant(null)),
    );
    const built = build(inner, true);
    known.set(inner, built);
    return built;
  };
  return (schema) => build(schema, false);
}

/** The same value without what `extra` added. */
export function withoutExtras(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutExtras);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== novelty)
      .map(([name, field]) => [name, withoutExtras(field)]),
  );
}

/** What crosses a socket: the JSON text of a value, read again. */
export const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
