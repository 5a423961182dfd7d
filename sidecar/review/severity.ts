import { Category, type Severity } from "../protocol/review.ts";

const table: { readonly [K in Category]: Severity } = {
  correctness: "high",
  security: "high",
  concurrency: "high",
  resource: "medium",
  error_handling: "medium",
  api_misuse: "medium",
  performance: "medium",
  test: "low",
  style: "low",
};

const vague = /^(n\/?a|none|unknown|always|never|any|-|\?)?\.?$/i;

/** Severity by table (PRODUCT 4.3): never the model's adjective; without a concrete trigger it is low. */
export const severityOf = (category: Category, trigger: string): Severity =>
  vague.test(trigger.trim()) || trigger.trim().length < 8 ? "low" : table[category];

/** A model's word for a category; what is not in the list counts as style, the lowest. */
export function categoryOf(word: string | undefined): Category {
  const parsed = Category.safeParse((word ?? "").toLowerCase().replace(/[\s-]+/g, "_"));
  return parsed.success ? parsed.data : "style";
}
