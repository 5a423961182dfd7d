import assert from "node:assert/strict";
import type { ToPanel } from "../../sidecar/protocol/panel.ts";
import { hasChromium, type Panel, startBrowser, themeNames } from "./page.ts";
import { answered, asking, citation, liveMessage, log, recorded, show, startedAt, waiting, wide } from "./runs.ts";

const answer = "Entries expire **after** their `deadline` [1].\n\n- one\n- two [9]";
const failed = log([
  ...asking,
  {
    kind: "run-end",
    status: "failed",
    error: {
      code: "provider_unavailable",
      message: "Ollama does not answer. Start it with ollama serve.",
      retryable: true,
    },
  },
]);
const unknown = waiting({
  reason: "unsafe_unknown",
  askKind: "grant",
  title: "Run it again, take it as done, or skip?",
});
const grant = waiting({ askKind: "grant", title: "Run npm test?", show: "npm test" });

/** The words of an element, every run of spaces as one. */
const words = async (panel: Panel, selector: string): Promise<string> => {
  await panel.send();
  return (await panel.page.locator(selector).first().innerText()).replace(/\s+/g, " ").trim();
};

describe("run panel in a real browser", function () {
  let browser: Awaited<ReturnType<typeof startBrowser>>;
  let panel: Panel;
  this.timeout(60_000);

  before(async function () {
    // `npm test` says in one line that Chromium is missing; in CI that line is a failure.
    if (!hasChromium) this.skip();
    browser = await startBrowser();
  });
  after(() => browser?.close());
  beforeEach(async () => {
    panel = await browser.open();
  });
  afterEach(async () => {
    assert.deepEqual([panel.errors, panel.foreign, await panel.violations()], [[], [], []]);
    await panel.close();
  });

  const states: Record<string, readonly ToPanel[]> = {
    "an answer": show(log(answered(answer))),
    "the recorded review": show(recorded.events, { recording: "Recorded" }),
    "a text being written": [
      ...show(log(asking)),
      liveMessage({ kind: "token-delta", instance: "answer", op: 0, offset: 0, text: answer }),
    ],
    "a prompt being read": [
      ...show(log(asking)),
      liveMessage({ kind: "model-prefill", instance: "answer", op: 0, done: 3, total: 10 }),
    ],
    "a question": show(log(waiting())),
    "an unknown outcome": show(log(unknown)),
    "a failure": show(failed),
    "nothing yet": [],
  };
  for (const [name, messages] of Object.entries(states)) {
    it(`shows ${name} without a serious violation of axe in four themes`, async () => {
      await panel.send(...messages);
      for (const theme of themeNames) {
        await panel.theme(theme);
        assert.deepEqual(await panel.axe(), [], theme);
      }
    });
  }

  it("opens the line of a citation, copies the answer, asks a follow-up", async () => {
    await panel.send(...show(log(answered(answer))));
    await panel.page.click(".cite");
    await panel.page.click("text=src/cache.ts:10");
    await panel.page.click("[aria-label='Copy the answer']");
    await panel.page.fill("#follow-up", "  And then? ");
    await panel.page.press("#follow-up", "Enter");
    const place = { type: "open", path: citation.path, line: 10, endLine: 12 };
    assert.deepEqual(await panel.posted(), [
      { type: "ready" },
      place,
      place,
      { type: "copy", text: answer },
      { type: "followUp", question: "And then?" },
    ]);
  });

  it("says what goes on and how far while nothing is written, then shows the text as it grows", async () => {
    await panel.send(...show(log(asking)));
    assert.match(await words(panel, ".body"), /Asking the model server \d/);
    await panel.send(liveMessage({ kind: "model-prefill", instance: "answer", op: 0, done: 31, total: 100 }));
    assert.match(await words(panel, ".body"), /Reading the prompt 31 % answer · qwen3:4b/);
    assert.match(await words(panel, ".now"), /answer: Reading the prompt 31 % .*1 of 2 steps/);
    await panel.send(liveMessage({ kind: "token-delta", instance: "answer", op: 0, offset: 0, text: "Entries exp" }));
    assert.match(await words(panel, ".draft"), /^Entries exp$/);
    await panel.send(liveMessage({ kind: "token-delta", instance: "answer", op: 0, offset: 11, text: "ire." }));
    assert.match(await words(panel, ".draft"), /^Entries expire\.$/);
  });

  it("reads aloud what changes, never a figure", async () => {
    await panel.send(...show(log(asking)));
    const said = async () => words(panel, "[aria-live=polite]");
    await panel.send(liveMessage({ kind: "token-delta", instance: "answer", op: 0, offset: 0, text: "One" }));
    const before = await said();
    await panel.send(
      liveMessage({ kind: "token-delta", instance: "answer", op: 0, offset: 3, text: " two" }, startedAt + 9000),
    );
    assert.equal(await said(), before);
    assert.match(before, /^answer: Writing$/);
    await panel.send({ type: "events", run: "run_1", events: log(answered(answer)), head: 10, now: startedAt + 9000 });
    assert.equal(await said(), "Done. 1 source");
  });

  it("writes a long answer without touching the paragraphs that stand", async () => {
    await panel.send(...show(log(asking)));
    const paragraph = "A sentence of an answer that goes on for a while. ".repeat(8);
    const text = Array.from({ length: 200 }, () => paragraph).join("\n\n");
    const delta = (offset: number, size: number) =>
      liveMessage({ kind: "token-delta", instance: "answer", op: 0, offset, text: text.slice(offset, offset + size) });
    await panel.send(delta(0, 60_000));
    await panel.page.evaluate(`
      window.touched = new Set();
      new MutationObserver((records) => records.forEach(({ target }) => touched.add((target.closest ? target : target.parentElement).closest(".answer"))))
        .observe(document.querySelector(".draft"), { subtree: true, childList: true, characterData: true });
    `);
    const started = performance.now();
    for (let offset = 60_000; offset < 64_000; offset += 40) await panel.send(delta(offset, 40));
    const perUpdate = (performance.now() - started) / 100;
    const count = await panel.page.evaluate<number>(
      "[...touched].filter((element) => element && element.textContent.length > 1).length",
    );
    assert.ok(count <= 12, `${count} paragraphs were touched by 4,000 characters`);
    assert.ok(perUpdate < 1000, `${perUpdate} ms an update`);
  });

  it("opens 1,000 items with few rows mounted, and the keyboard reaches the last", async () => {
    const messages = show(log(wide(1000)));
    const started = performance.now();
    await panel.send(...messages);
    await panel.page.locator(".row").first().waitFor();
    assert.ok(performance.now() - started < 8000);
    assert.ok((await panel.page.locator(".row").count()) <= 100);
    assert.equal(await panel.page.getAttribute(".tree", "aria-rowcount"), "2002");
    await panel.page.focus(".row[tabindex='0']");
    await panel.page.keyboard.press("End");
    const focused = panel.page.locator(".row:focus");
    await focused.and(panel.page.locator("[data-instance='found[999]/draft']")).waitFor();
    assert.equal(await focused.getAttribute("aria-rowindex"), "2002");
    assert.ok(await focused.isVisible());
    assert.ok((await panel.page.locator(".row").count()) <= 100);
  });

  it("is worked by the keyboard alone", async () => {
    const press = async (...keys: readonly string[]) => {
      for (const key of keys) {
        await panel.page.keyboard.press(key);
        await panel.send();
      }
    };
    const focused = () =>
      panel.page.evaluate<string>("document.activeElement.dataset.instance ?? document.activeElement.id");
    await panel.send(...show(recorded.events, { recording: "Recorded" }));
    await panel.page.focus(".row[tabindex='0']");
    assert.equal(await focused(), "change");
    await press("ArrowDown", "ArrowLeft");
    assert.equal(await panel.page.getAttribute("[data-instance=found]", "aria-expanded"), "false");
    await press("ArrowDown");
    assert.equal(await focused(), "result");
    await press("ArrowUp", "ArrowRight", "ArrowRight");
    assert.equal(await focused(), "found[0]");
    assert.equal(await panel.page.getAttribute("#tab-Result", "aria-selected"), "true");
    await press("Enter");
    assert.equal(await focused(), "tab-body");
    assert.equal(await panel.page.getAttribute("#tab-Step", "aria-selected"), "true");
    await press("Escape");
    assert.equal(await focused(), "found[0]");
    await press("Escape");
    assert.equal(await panel.page.getAttribute("#tab-Result", "aria-selected"), "true");
    await panel.page.focus("#tab-Result");
    await press("ArrowRight", "ArrowRight");
    assert.equal(await focused(), "tab-Prompt");
    assert.match(await words(panel, ".body"), /verdict .*system/i);
  });

  it("shows hostile text as text", async () => {
    const hostile =
      '<img src="http://evil.example/x.png" onerror="window.owned=1"> <script>window.owned=1</script> [go](javascript:window.owned=1) <a href="command:workbench.action.quit">x</a> \u202egnp.exe\u202c \u0000\u001b[31m {{1+1}}';
    const bad = { ...citation, path: "<b>../../etc</b>", quote: hostile };
    await panel.send(...show(log(answered(`${hostile} [1]`, [bad]))));
    const shown = await panel.page.locator(".body").innerText();
    assert.ok(shown.includes('<img src="http://evil.example/x.png" onerror="window.owned=1">'), shown);
    assert.ok(shown.includes("\\u{202e}gnp.exe\\u{202c} \\u{0}\\u{1b}[31m"), shown);
    for (const tab of ["Step", "Prompt", "Output", "Events"]) {
      await panel.page.click(`#tab-${tab}`);
      await panel.send();
    }
    assert.equal(await panel.page.locator("a, img, script:not([src]), iframe, b:text('../../etc')").count(), 0);
    assert.equal(await panel.page.evaluate("window.owned"), undefined);
  });

  it("shows a megabyte without stopping, and copies all of it", async () => {
    const text = "x".repeat(1_000_000);
    const events = log([...asking.slice(0, 5), { kind: "run-end", status: "succeeded", output: { inline: text } }]);
    await panel.send(...show(events));
    assert.match(await words(panel, ".body .note"), /^900,000 more characters are not shown/);
    await panel.page.click("[aria-label='Copy the result']");
    const copied = (await panel.posted()).at(-1);
    assert.ok(copied?.type === "copy" && copied.text.length === 1_000_000);
  });

  it("ignores messages of another run and messages it does not know", async () => {
    await panel.send(...show(log(answered("Mine [1]."))));
    await panel.page.evaluate(
      'window.postMessage({ type: "events", run: "run_1", events: [{ kind: "made-up" }] }, "*")',
    );
    await panel.page.evaluate('window.postMessage("text", "*")');
    await panel.send({ type: "events", run: "run_9", events: log(answered("Foreign [1].")), head: 10, now: 0 });
    assert.match(await words(panel, ".answer"), /^Mine/);
  });

  it("answers a question once, each kind in its own words", async () => {
    await panel.send(...show(log(waiting())));
    await panel.page.dblclick(".ask button:text-is('Yes')");
    assert.equal(await words(panel, ".choices"), "Yes No Sent…");
    await panel.send(...show(log(grant)));
    await panel.page.click('.ask button:text-is("Don\'t Allow")');
    await panel.send(...show(log(unknown)));
    await panel.page.click(".ask button:text-is('Take It as Done')");
    const edit = waiting({ edit: true, show: { n: 1 } });
    await panel.send(...show(log(edit)));
    await panel.page.fill("textarea", '{"n":2}');
    await panel.page.click(".ask button:text-is('Yes')");
    assert.deepEqual(
      (await panel.posted())
        .filter(({ type }) => type === "answer")
        .map((message) => "value" in message && message.value),
      [{ approved: true }, { approved: false }, "done", { approved: true, value: { n: 2 } }],
    );
  });

  it("cancels once, and offers the button again after a problem that it tells", async () => {
    await panel.send(...show(log(asking)));
    await panel.page.dblclick("header button");
    assert.equal(await words(panel, ".buttons"), "Cancelling…");
    assert.equal((await panel.posted()).filter(({ type }) => type === "cancel").length, 1);
    await panel.send({ type: "problem", error: { code: "no_hub", message: "It did not answer.", retryable: true } });
    assert.equal(await words(panel, ".buttons"), "Cancel");
    assert.equal(await words(panel, "[role=alert]"), "no_hub It did not answer.");
    await panel.page.click("[aria-label='Close this message']");
    await panel.page.locator("[role=alert]").waitFor({ state: "detached" });
  });

  it("offers nothing to do in a recording and without trust", async () => {
    for (const given of [{ recording: "Recorded elsewhere" }, { trusted: false }]) {
      await panel.send(...show(log(waiting()), given));
      assert.equal(await panel.page.locator("header button, .ask button, #follow-up").count(), 0);
    }
    await panel.send(...show(log(answered(answer)), { recording: "Recorded elsewhere" }));
    assert.equal(await panel.page.locator("header button, #follow-up").count(), 0);
    assert.equal(await words(panel, ".banner"), "Recorded elsewhere");
  });

  it("fits 1,400, 900, 560 and 320 px: nothing beside the window, no empty band, the result first when narrow", async () => {
    for (const width of [1400, 900, 560, 320]) {
      await panel.page.setViewportSize({ width, height: 800 });
      await panel.send(...show(log(answered(answer))));
      const {
        wide: overflow,
        tabs,
        tree,
        now,
      } = await panel.page.evaluate<Record<string, number>>(`({
        wide: document.documentElement.scrollWidth - innerWidth,
        now: document.querySelector(".now").getBoundingClientRect().bottom,
        tabs: document.querySelector(".tabs").getBoundingClientRect().top,
        tree: document.querySelector(".tree").getBoundingClientRect().top,
      })`);
      assert.ok((overflow ?? 1) <= 0, `${width} px: ${overflow} px too wide`);
      assert.ok(Math.abs((tabs ?? 0) - (now ?? 0)) < 12, `${width} px: a band of ${(tabs ?? 0) - (now ?? 0)} px`);
      assert.equal((tree ?? 0) > (tabs ?? 0) + 100, width < 720, `${width} px`);
    }
  });

  it("gives every phase a pattern beside its colour, also with forced colours, and rests when motion is not wanted", async () => {
    await panel.close();
    panel = await browser.open({
      width: 1000,
      height: 700,
      options: { forcedColors: "active", reducedMotion: "reduce" },
    });
    await panel.send(...show(log(answered(answer))));
    for (const phase of ["wait", "load", "prompt", "server", "tool"])
      assert.ok((await panel.page.locator(`.facts [fill="url(#hatch-${phase})"]`).count()) > 0, phase);
    await panel.send(...show(log(asking)));
    const animation = "getComputedStyle(document.querySelector('.codicon-modifier-spin')).animationName";
    assert.equal(await panel.page.evaluate(animation), "none");
  });
});
