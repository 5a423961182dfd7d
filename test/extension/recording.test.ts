import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gaps, parseRecording, playRecording } from "../../extension/recording.ts";
import type { ToPanel } from "../../sidecar/protocol/panel.ts";
import { ReviewResult } from "../../sidecar/protocol/review.ts";
import { foldRun } from "../../sidecar/protocol/run.ts";

const text = readFileSync(new URL("../../extension/media/recording.jsonl", import.meta.url), "utf8");

describe("bundled recording", () => {
  const recorded = parseRecording(text);

  it("is a whole run with a result and a finding", () => {
    const view = foldRun(recorded.events);
    assert.equal(view?.status, "succeeded");
    assert.ok(view.output && "inline" in view.output);
    assert.equal(ReviewResult.parse(view.output.inline).findings.length, 1);
    assert.deepEqual(
      recorded.events.map(({ seq }) => seq),
      recorded.events.map((_, index) => index + 1),
    );
  });

  it("shortens long waits and never goes back in time", () => {
    assert.ok(gaps(recorded.events).every((ms) => ms >= 0 && ms <= 1200));
  });

  it("plays nothing after its end", () => {
    const posted: ToPanel[] = [];
    playRecording(
      recorded,
      (message) => posted.push(message),
      () => 5,
    )();
    assert.equal(posted.length, 1);
  });

  it("names the line that cannot be read", () => {
    assert.throws(() => parseRecording(`${text.split("\n")[0]}\n{"run":1}`), /line 2/);
  });
});
