import * as z from "zod";

/** Any JSON value. Depth and size are limited at the door, before a schema sees the value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export const Json: z.ZodType<Json> = z.json() as z.ZodType<Json>;

/** A JSON object: a run's state, an update, the inputs of a step. */
export type JsonObject = { readonly [key: string]: Json };
export const JsonObject: z.ZodType<JsonObject> = z.record(z.string(), Json);
