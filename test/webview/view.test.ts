import assert from "node:assert/strict";
import fc from "fast-check";
import { foldRun } from "../../sidecar/protocol/run.ts";
import { allDoing } from "../../webview/activity.ts";
import { moveOf } from "../../webview/keys.ts";
import { labelOf, nameIn, parentOf } from "../../webview/labels.ts";
import { blocksOf, piecesOf } from "../../webview/markdown.ts";
import { mountedRows } from "../../webview/mounted.ts";
import { phaseSums } from "../../webview/phases.ts";
import { rowsOf } from "../../webview/rows.ts";
import { emptyState, takeMessage } from "../../webview/store.ts";
import { clipped, dedented, modelName, secondsText, visible } from "../../webview/text.ts";
import { answered, asking, type live, liveMessage, log, recorded, show, startedAt, wide } from "./runs.ts";

const inline = (ref: Parameters<Parameters<typeof labelOf>[2]>[0]) => (ref && "inline" in ref ? ref.inline : undefined);
const viewOf = (events: Parameters<typeof foldRun>[0]) => foldRun(events) ?? assert.fail("no run-start");
const none = new Set<string>();

describe("text in the panel", () => {
  it("writes out what would hide or reorder it, and nothing else", () => {
    assert.equal(visible("a\u202eb\u200bc\u0007d\u2028"), "a\\u{202e}b\\u{200b}c\\u{7}d\\u{2028}");
    assert.equal(visible("Zeile\n\tmit ümläut, 日本, 🙂"), "Zeile\n\tmit ümläut, 日本, 🙂");
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        (text) => !/[\p{Cf}\u2028\u2029]|(?![\n\t])\p{Cc}/u.test(visible(text)),
      ),
    );
  });

  it("cuts only the very long, and says by how much", () => {
    assert.deepEqual(clipped("abc"), { text: "abc", more: 0 });
    assert.equal(clipped("a".repeat(150_000)).more, 50_000);
  });

  it("takes away the indentation that all lines share", () => {
    assert.equal(dedented("    if (a) {\n\n      b();\n    }"), "if (a) {\n\n  b();\n}");
    assert.equal(dedented("\ta\n  b"), "\ta\n  b");
    assert.equal(dedented(""), "");
  });

  it("gives times and models short", () => {
    assert.deepEqual([null, 0, 340, 9_999, 12_400, 125_000].map(secondsText), ["", "0.0", "0.3", "10.0", "12", "2:05"]);
    assert.equal(modelName("ollama@127.0.0.1:11434/hf.co/a/b:q4"), "hf.co/a/b:q4");
    assert.equal(modelName("qwen3:4b"), "qwen3:4b");
  });
});

describe("answers as text", () => {
  it("reads paragraphs, headings, lists and code", () => {
    assert.deepEqual(
      blocksOf("# Why\nOne\ntwo\n\n- a\n  2) b\n```ts\n- no list\n```\nend").map((block) => [block.kind, block.text]),
      [
        ["heading", "Why"],
        ["text", "One\ntwo"],
        ["item", "a"],
        ["item", "b"],
        ["code", "- no list"],
        ["text", "end"],
      ],
    );
  });

  it("keeps the blocks before the last while a text is being written", () => {
    const text = "First.\n\n- one\n- two\n\n```\ncode\n```\n\nLast **bold** `x` [1].";
    const whole = blocksOf(text);
    for (let length = 1; length < text.length; length += 1) {
      const part = blocksOf(text.slice(0, length)).slice(0, -1);
      assert.deepEqual(part.slice(0, -1), whole.slice(0, Math.max(0, part.length - 1)));
    }
  });

  it("loses no character of any line", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = piecesOf(text).map((piece) =>
          piece.kind === "code" ? `\`${piece.text}\`` : piece.kind === "strong" ? `**${piece.text}**` : piece.text,
        );
        assert.equal(read.join(""), text);
      }),
    );
    assert.deepEqual(
      piecesOf("a `b` **c** [12] [x](javascript:1)").map(({ kind }) => kind),
      ["text", "code", "text", "strong", "text", "citation", "text"],
    );
  });
});

describe("rows of the run panel", () => {
  it("hang every instance below what it belongs to", () => {
    const paths = ["found", "found[3]", "found[3]/draft", "a/if1.then/b", "a/if1.then/m[2]", "a/if1"];
    assert.deepEqual(paths.map(parentOf), ["", "found", "found[3]", "a/if1", "a/if1.then/m", "a"]);
  });

  it("show what is still to come, and how far a map is", () => {
    const view = viewOf(log(asking));
    const rows = rowsOf(view, new Map(), none, startedAt + 5000);
    assert.deepEqual(
      rows.map(({ instance, status }) => [instance, status]),
      [
        ["found", "done"],
        ["answer", "running"],
      ],
    );
    const fresh = rowsOf(viewOf(log(asking.slice(0, 1))), new Map(), none, startedAt);
    assert.deepEqual(
      fresh.map(({ status }) => status),
      ["pending", "pending"],
    );
    const half = viewOf(log(wide(4).slice(0, 4 + 10)));
    assert.equal(rowsOf(half, new Map(), none, startedAt + 5000)[1]?.detail, "2 of 4");
  });

  it("of the recorded review: no row runs on after the end, names instead of numbers, real durations", () => {
    const view = viewOf(recorded.events);
    const rows = rowsOf(view, new Map(), none, (view.endedAt ?? 0) + 60_000);
    assert.deepEqual([...new Set(rows.map(({ status }) => status))], ["done"]);
    const labels = rows.map(({ instance }) => labelOf(view, instance, inline));
    assert.deepEqual(
      labels.filter((label) => /^#|^\[|^if\d|\.then/.test(label)),
      [],
    );
    assert.ok(labels.includes("src/cache.ts"), labels.join());
    const found = rows.find(({ instance }) => instance === "found");
    assert.ok((found?.ms ?? 0) > 1000 && (found?.ms ?? 0) <= (view.endedAt ?? 0) - view.createdAt, String(found?.ms));
    for (const { segments } of rows)
      for (const { from, to } of segments) assert.ok(from >= 0 && to >= from, `${from} ${to}`);
  });

  it("call a step by the item it works on", () => {
    const view = viewOf(recorded.events);
    const names = ["change", "found[0]", "found[0]/draft", "found[0]/judged[0]/if1.then/verdict"];
    assert.deepEqual(
      names.map((instance) => nameIn(view, instance, inline)),
      ["change", "src/cache.ts", "src/cache.ts › draft", "Expired entry is returned › verdict"],
    );
  });

  it("hide what is below a closed row", () => {
    const view = viewOf(log(wide(3)));
    const rows = rowsOf(view, new Map(), new Set(["found"]), startedAt + 9000);
    assert.deepEqual(
      rows.map(({ instance }) => instance),
      ["list", "found"],
    );
  });

  it("fold 1,000 items in a moment", () => {
    const view = viewOf(log(wide(1000)));
    const before = performance.now();
    assert.equal(rowsOf(view, new Map(), none, startedAt + 9000).length, 2002);
    assert.ok(performance.now() - before < 1000);
  });
});

describe("keys of the treegrid", () => {
  const view = viewOf(log(wide(3)));
  const open = rowsOf(view, new Map(), none, startedAt + 9000);
  const closed = rowsOf(view, new Map(), new Set(["found"]), startedAt + 9000);

  it("move by row, to the ends, to the parent and to the first child", () => {
    assert.deepEqual(moveOf("ArrowDown", open, "list"), { to: "found" });
    assert.deepEqual(moveOf("ArrowUp", open, "found"), { to: "list" });
    assert.deepEqual(moveOf("Home", open, "found[1]"), { to: "list" });
    assert.deepEqual(moveOf("End", open, "list"), { to: "found[2]/draft" });
    assert.deepEqual(moveOf("ArrowRight", open, "found"), { to: "found[0]" });
    assert.deepEqual(moveOf("ArrowLeft", open, "found[1]/draft"), { to: "found[1]" });
    assert.deepEqual(moveOf("PageDown", open, "list"), { to: "found[2]/draft" });
    assert.equal(moveOf("ArrowUp", open, "list"), null);
    assert.equal(moveOf("x", open, "list"), null);
  });

  it("fold, inspect and leave", () => {
    assert.deepEqual(moveOf("ArrowLeft", open, "found"), { act: "toggle" });
    assert.deepEqual(moveOf("ArrowRight", closed, "found"), { act: "toggle" });
    assert.deepEqual(moveOf(" ", open, "found"), { act: "toggle" });
    assert.deepEqual(moveOf("Enter", open, "list"), { act: "inspect" });
    assert.deepEqual(moveOf("Escape", open, "list"), { act: "leave" });
  });

  it("mount only what is near, and always what the keyboard goes to", () => {
    const place = { top: -5000, height: 700, row: 25 };
    assert.deepEqual(mountedRows(60, place, -1), { from: 0, to: 60 });
    assert.deepEqual(mountedRows(2000, place, -1), { from: 180, to: 248 });
    const far = mountedRows(2000, place, 1999);
    assert.ok(far.from <= 1999 && far.to === 2000, JSON.stringify(far));
    fc.assert(
      fc.property(
        fc.nat(5000),
        fc.integer({ min: -200_000, max: 1000 }),
        fc.integer({ min: -1, max: 4999 }),
        (count, top, wanted) => {
          const { from, to } = mountedRows(count, { ...place, top }, wanted);
          assert.ok(from >= 0 && to <= count && to - from <= 160 && (count === 0 || to > from));
          if (wanted >= 0 && wanted < count) assert.ok(from <= wanted && wanted < to, `${from} ${wanted} ${to}`);
        },
      ),
    );
  });
});

describe("what the panel knows", () => {
  it("is the same however the log comes: in pages, twice, or in one piece", () => {
    const events = log(answered("Yes [1]."));
    const whole = emptyState();
    for (const message of show(events)) takeMessage(whole, message);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 8 }), (pages) => {
        const state = emptyState();
        const [init] = show(events);
        if (init) takeMessage(state, init);
        const pieces = [...pages.map(([from, size]) => ({ from: 0, to: from + size })), { from: 0, to: events.length }];
        for (const { from, to } of pieces.toSorted((left, right) => left.to - right.to))
          takeMessage(state, { type: "events", run: "run_1", events: events.slice(from, to), head: 10, now: 0 });
        assert.deepEqual(state.view, whole.view);
        assert.equal(state.events.length, events.length);
      }),
      { numRuns: 50 },
    );
  });

  it("forgets everything when another run is shown", () => {
    const state = emptyState();
    for (const message of show(log(answered("Yes [1].")))) takeMessage(state, message);
    takeMessage(state, { type: "init", run: "run_2", row: null, recording: null, trusted: false, now: Date.now() });
    takeMessage(state, liveMessage({ kind: "token-delta", instance: "answer", op: 0, offset: 0, text: "old" }));
    assert.deepEqual([state.view, state.events.length, state.live.size, state.trusted], [null, 0, 0, false]);
  });

  it("says what goes on in words with a figure, for each of the nine labels", () => {
    const op = { instance: "answer", op: 0 } as const;
    const said = (...bodies: Parameters<typeof live>[0][]) => {
      const state = emptyState();
      for (const message of show(log(asking))) takeMessage(state, message);
      for (const body of bodies) takeMessage(state, liveMessage(body));
      assert.ok(state.view);
      const [first] = allDoing(state.view, state.live, startedAt + 4000, inline);
      assert.ok(first && first.figure !== "", JSON.stringify(first));
      return `${first.what} · ${first.figure} · ${first.model}`;
    };
    assert.equal(said(), "Asking the model server · 3.4 s · qwen3:4b");
    assert.equal(
      said({ ...op, kind: "model-wait", position: 2, reason: "busy", etaMs: 40_000 }),
      "Queued, one answer at a time · #2, ~40 s · qwen3:4b",
    );
    assert.equal(
      said({ ...op, kind: "model-wait", position: 0, reason: "memory is low", etaMs: null }),
      "Waiting: memory is low · 3.0 s · qwen3:4b",
    );
    assert.equal(
      said({ ...op, kind: "model-load", elapsedMs: 12_000, expectedMs: 40_000, model: "qwen3:4b" }),
      "Loading the model · 12 s of ~40 s · qwen3:4b",
    );
    assert.equal(said({ ...op, kind: "model-prefill", done: 31, total: 100 }), "Reading the prompt · 31 % · qwen3:4b");
    assert.equal(
      said({ ...op, kind: "model-prefill", done: 9, total: 9 }),
      "Waiting for the first word · 3.0 s · qwen3:4b",
    );
    assert.match(said({ ...op, kind: "model-snapshot", text: "" }), /^Asking the model server/);
    assert.match(said({ ...op, kind: "token-delta", offset: 0, text: "Yes" }), /^Writing · 1 token/);
    assert.match(said({ ...op, kind: "token-delta", offset: 0, text: "Yes, it", parts: 3 }), /^Writing · 3 tokens/);
  });

  it("accounts for the whole time of a call, also what its server did not report", () => {
    const view = viewOf(log(answered("Yes [1].")));
    const sums = Object.fromEntries(phaseSums(view).map(({ phase, ms }) => [phase, ms]));
    assert.deepEqual(sums, { tokens: 2400, load: 1200, prompt: 900, server: 700, wait: 400, tool: 100 });
  });
});
