import * as z from "zod";
import type { Build } from "../protocol/hub.ts";
import { methods } from "../protocol/methods.ts";

/** OpenAPI 3.1 of the rows that have a REST address. */
export function openApi(build: Build): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, row] of Object.entries(methods)) {
    if (!("rest" in row)) continue;
    const { verb, path } = row.rest;
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({
      name: parameter,
      in: "path",
      required: true,
      schema: { type: "string" },
    }));
    const schema = (type: z.ZodType): object => z.toJSONSchema(type, { io: "input", unrepresentable: "any" });
    paths[path] = {
      ...paths[path],
      [verb]: {
        operationId: name,
        parameters,
        ...(verb === "post"
          ? { requestBody: { required: true, content: { "application/json": { schema: schema(row.params) } } } }
          : {}),
        responses: {
          [verb === "post" ? "201" : "200"]: {
            description: "Done",
            content: { "application/json": { schema: schema(row.result) } },
          },
          default: { description: "Problem", content: { "application/problem+json": { schema: { type: "object" } } } },
        },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Podium", version: build.version },
    security: [{ token: [] }],
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    paths,
  };
}
