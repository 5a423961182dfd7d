import * as z from "zod";
import type { Digest, ReviewPort, Tool } from "../ports.ts";
import { File, findingFields } from "./review-shapes.ts";
import { any, list, parseInput, record, toJson } from "./spec.ts";

const Input = z.object({ file: File });

export const reviewRules = (review: ReviewPort, digest: Digest): Tool => ({
  name: "review.rules",
  about: "Findings in one file of a change that need no model: conflict markers, secrets, focused tests and the like.",
  effect: "pure",
  input: record({ file: any }),
  output: record({ findings: list(record(findingFields)) }),
  run: async (input) => toJson({ findings: review.rules(parseInput("review.rules", Input, input).file, digest) }),
});
