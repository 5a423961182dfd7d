import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { confineCitation } from "../../extension/confine.ts";
import { feedRun } from "../../extension/feed.ts";
import type { Connection } from "../../extension/hub.ts";
import { panelHtml } from "../../extension/panel-html.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import { FromPanel, type ToPanel } from "../../sidecar/protocol/panel.ts";

describe("run panel page", () => {
  const page = panelHtml({ cspSource: "vscode-resource:", nonce: "N1", script: "main.js", styles: ["codicon.css"] });

  it("allows its own script by nonce and no connection to anywhere", () => {
    const policy = /content="([^"]*)"><|content="(default-src[^"]*)"/.exec(page)?.[2] ?? "";
    assert.equal(
      policy,
      "default-src 'none'; img-src vscode-resource: data:; style-src vscode-resource:; font-src vscode-resource:; script-src 'nonce-N1'; connect-src 'none'; form-action 'none'; base-uri 'none'; frame-src 'none'",
    );
    assert.doesNotMatch(page, /style=|<style|unsafe-|\bon[a-z]+="/);
  });

  it("refuses every message that is not one of its own", () => {
    fc.assert(
      fc.property(fc.anything(), (message) => {
        const parsed = FromPanel.safeParse(message);
        return !parsed.success || typeof parsed.data.type === "string";
      }),
      { numRuns: 2000 },
    );
    assert.equal(FromPanel.safeParse({ type: "open", path: "a", command: "x" }).success, false);
    assert.equal(FromPanel.safeParse({ type: "open", path: "a", line: 0 }).success, false);
    assert.equal(FromPanel.safeParse({ type: "open", path: "a", line: 3 }).success, true);
  });
});

describe("citations", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "podium-open-")));
  const root = join(folder, "w");
  mkdirSync(join(root, "src"), { recursive: true });
  mkdirSync(join(folder, "w2"));
  writeFileSync(join(root, "src/a.ts"), "");
  writeFileSync(join(folder, "w2/secret"), "");
  symlinkSync(join(folder, "w2/secret"), join(root, "link"));
  after(() => rmSync(folder, { recursive: true }));

  it("open below a folder of the window", async () => {
    assert.equal(await confineCitation([root], root, "src/a.ts"), join(root, "src/a.ts"));
    assert.equal(await confineCitation([folder], root, "src/a.ts"), join(root, "src/a.ts"));
  });

  for (const path of ["../w2/secret", "/etc/passwd", "link", "src/../../w2/secret", "a\0b", "."]) {
    it(`refuse ${JSON.stringify(path)}`, () =>
      assert.rejects(confineCitation([root], root, path), { code: "outside_workspace" }));
  }

  it("refuse a run of another folder, and name a file that is gone", async () => {
    await assert.rejects(confineCitation([join(folder, "w2")], root, "src/a.ts"), { code: "outside_workspace" });
    await assert.rejects(confineCitation([root], root, "gone.ts"), { code: "file_missing" });
  });
});

describe("feed of a run", () => {
  const event = (seq: number): RunEvent => ({
    kind: "budget-warn",
    used: seq,
    limit: 9,
    run: "run_1",
    seq,
    at: seq,
    epoch: 1,
  });

  it("sends the log in pages and what is new after it, in order and without a gap", async () => {
    const posted: ToPanel[] = [];
    let push: (item: unknown) => void = () => undefined;
    const log = Array.from({ length: 1200 }, (_, index) => event(index + 1));
    const connection = {
      watch: async (_method: string, _params: unknown, onItem: (item: unknown) => void) => {
        push = onItem;
        return { result: { head: 1200 }, stop: () => undefined };
      },
      request: async (_method: string, { after, limit }: { after: number; limit: number }) => {
        if (after === 500) push({ event: event(1201) });
        return { events: log.slice(after, after + limit), head: 1200, ended: false };
      },
    } as unknown as Connection;
    const end = feedRun(
      connection,
      "run_1",
      (message) => posted.push(message),
      () => 0,
    );
    const seqs = (): number[] =>
      posted.flatMap((message) => (message.type === "events" ? message.events.map(({ seq }) => seq) : []));
    for (const late = Date.now() + 2000; seqs().length < 1201 && Date.now() < late; )
      await new Promise((resolve) => setImmediate(resolve));
    push({ event: event(1202) });
    assert.deepEqual(
      seqs(),
      Array.from({ length: 1202 }, (_, index) => index + 1),
    );
    for (const [offset, text] of [
      [0, "He"],
      [2, "llo"],
    ] as const) {
      push({ live: { kind: "token-delta", instance: "a", op: 1, offset, text, run: "run_1", at: 1 } });
    }
    push({ event: event(1203) });
    const live = posted.filter((message) => message.type === "live");
    assert.equal(live.length, 1);
    const [joined] = live;
    assert.ok(joined?.event.kind === "token-delta" && joined.event.text === "Hello" && joined.event.parts === 2);
    assert.deepEqual(
      posted.slice(-2).map(({ type }) => type),
      ["live", "events"],
    );
    end();
    push({ event: event(1204) });
    assert.equal(seqs().at(-1), 1203);
  });
});
