import type { ReviewPort } from "../ports.ts";
import { reviewItems } from "./items.ts";
import { judge } from "./judge.ts";
import { ruleFindings } from "./rules.ts";
import { shown } from "./shown.ts";

/** The pure decisions of the review, for the tools. */
export const createReview = (): ReviewPort => ({ rules: ruleFindings, anchor: reviewItems, judge, fold: shown });
