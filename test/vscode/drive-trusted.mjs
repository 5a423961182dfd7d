// A trusted folder: from the first look to a killed process. Each test goes on where the one before ended.
import assert from "node:assert/strict";
import { openWindow, startModelServer, visible } from "./drive-window.mjs";
import { podiumPid } from "./world.mjs";

const themes = [
  ["dark", "Dark Modern", "vs-dark"],
  ["light", "Light Modern", "vs"],
  ["hc-dark", "Dark High Contrast", "hc-black"],
  ["hc-light", "Light High Contrast", "hc-light"],
];
const finding = {
  quote: "    if (!entry) return undefined;",
  category: "correctness",
  title: "Expired entry is returned",
  claim: "The check of the deadline was removed, so get returns a value after its time to live.",
  trigger: "get(k) after the deadline -> old value",
};
const answer =
  "Entries expire after their deadline, and `get` returns undefined for an expired entry [1].\n\n- `set` stores the value with `until`, the deadline in ms [2].\n- `get` looks the entry up and returns undefined when there is none [2].";
const promptTokens = 900;
const rules = [
  {
    match: "verdict",
    answer: { text: JSON.stringify({ verdict: "real", evidence: finding.quote }), delayMs: 300, promptTokens },
  },
  { match: "findings", answer: { text: JSON.stringify({ findings: [finding] }), delayMs: 600, promptTokens } },
  {
    match: "How many connections",
    answer: { text: "The pool keeps at most four connections [1].", delayMs: 4000, promptTokens },
  },
  { match: "cancel me", answer: { text: answer, delayMs: 600_000, promptTokens } },
  { answer: { text: answer, delayMs: 800, pieceMs: 130, promptTokens } },
];

describe("the packed extension in a trusted folder", () => {
  let window;
  let stopServer = () => undefined;
  before(async () => {
    window = await openWindow({ trusted: true, userSettings: { "workbench.colorTheme": "Dark Modern" } });
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await window.failure();
  });
  after(async () => {
    stopServer();
    await window?.close();
  });

  it("is cold, then ready, and shows the four views with what to do first", async () => {
    await visible(window.status);
    stopServer = await startModelServer(window.world, rules);
    await window.openView("Podium");
    await window.statusIs("fake:1b");
    await visible(window.view("Review").locator("a", { hasText: "Review Changes…" }));
    await visible(window.view("Runs").locator("a", { hasText: "Ask About This Workspace…" }));
    for (const view of ["Workflows", "Models"]) await window.view(view).locator(".pane-header").click();
    await visible(window.view("Workflows").locator(".monaco-list-row", { hasText: "Built in" }));
    await visible(window.view("Models").locator(".monaco-list-row", { hasText: "fake:1b" }));
    await window.shot("views-ready");
    for (const view of ["Workflows", "Models"]) await window.view(view).locator(".pane-header").click();
  });

  it("shows the text of an answer as it is written, with a figure", async () => {
    await window.runCommand("Podium: Ask About This Workspace…");
    await window.enter("When does an entry expire?", "Ask About");
    await visible(window.panel.locator(".draft", { hasText: "Entries expire" }));
    assert.match(await window.panel.locator(".now").innerText(), /answer: Writing\s*\d+ tokens?/);
    await visible(window.view("Runs").locator(".monaco-list-row", { hasText: "When does an entry" }));
    await window.statusIs(/tok\/s/);
    await window.shot("panel-running");
    assert.deepEqual(await window.axe(), []);
  });

  it("ends in an answer with sources, and a source opens its line", async () => {
    await window.says("Sources");
    await window.statusIs("fake:1b");
    await window.shot("panel-answer");
    await window.panel.locator(".sources button", { hasText: "readme.md" }).first().click();
    await visible(window.page.locator(".tab.active", { hasText: "readme.md" }));
    await visible(window.page.locator(".statusbar-item", { hasText: /Ln 3\b/ }));
    await window.shot("citation");
  });

  for (const [name, label, kind] of themes)
    it(`passes axe in ${label}`, async () => {
      if (name === "dark") await window.runCommand("View: Close All Editors in Group").catch(() => undefined);
      await window.view("Runs").locator(".monaco-list-row", { hasText: "When does an entry" }).first().click();
      await window.says("Sources");
      await window.theme(label, kind);
      assert.deepEqual(await window.axe(), []);
      await window.shot(`panel-${name}`);
    });

  it("fits 560 and 900 px", async () => {
    await window.theme("Dark Modern", "vs-dark");
    await window.page.keyboard.press("Control+B");
    for (const width of [560, 900]) {
      await window.page.setViewportSize({ width: width + 64, height: 800 });
      await window.page.waitForFunction(
        (wanted) => Math.abs(document.querySelector("iframe.webview.ready").clientWidth - wanted) < 16,
        width,
      );
      await visible(window.panel.locator(".tabs"));
      const { over, band } = await window.inPanel(`({
        over: document.documentElement.scrollWidth - innerWidth,
        band: document.querySelector(".tabs").getBoundingClientRect().top - document.querySelector(".now").getBoundingClientRect().bottom,
      })`);
      assert.ok(over <= 0, `${over} px too wide at ${width}`);
      assert.ok(band < 12, `an empty band of ${band} px at ${width}`);
      assert.deepEqual(await window.axe(), []);
      await window.shot(`panel-${width}`);
    }
    await window.page.setViewportSize({ width: 1400, height: 900 });
    await window.page.keyboard.press("Control+B");
  });

  it("asks a follow-up as a new run with the last answer", async () => {
    await window.panel.locator("#follow-up").fill("How many connections does the pool keep?");
    await window.panel.locator("#follow-up").press("Enter");
    await window.says("at most four connections");
    await visible(window.view("Runs").locator(".monaco-list-row", { hasText: "How many connections" }));
    await window.panel.locator("#tab-Prompt").click();
    await visible(window.panel.locator("pre", { hasText: "Entries expire after their deadline" }).first());
    await window.panel.locator("#tab-Result").click();
  });

  it("cancels a run from the panel", async () => {
    await window.runCommand("Podium: Ask About This Workspace…");
    await window.enter("When does an entry expire, and cancel me?", "Ask About");
    await visible(window.panel.locator(".doing", { hasText: /Asking the model server|Waiting|Reading/ }));
    await window.shot("panel-waiting-for-model");
    await window.panel.locator("header button", { hasText: "Cancel" }).click();
    await visible(window.panel.locator(".now", { hasText: "Cancelled" }));
    await window.statusIs("fake:1b");
  });

  it("waits for a person in status bar, tree and panel, and goes on with the answer", async () => {
    await window.runAndPick("Podium: Run Workflow…", "Run Workflow", "confirm");
    await window.enter("the two files", "confirm: subject");
    await window.statusIs("1 waiting for you");
    await visible(window.panel.locator(".ask", { hasText: "Go on with the two files?" }));
    assert.deepEqual(await window.axe(), []);
    await window.shot("panel-question");
    await window.panel.locator(".ask button", { hasText: "Yes" }).click();
    await visible(window.panel.locator(".now", { hasText: "Done" }));
    await window.statusIs("fake:1b");
  });

  it("reviews the staged change beside its code: finding in panel, tree and editor", async () => {
    await window.runCommand("View: Close All Editors");
    await window.page.keyboard.press("Control+P");
    await window.pick("cache.ts", "cache.ts");
    await visible(window.page.locator(".tab.active", { hasText: "cache.ts" }));
    await window.runAndPick("Podium: Review Changes…", "Review Changes", "Staged");
    await visible(window.panel.locator(".finding", { hasText: finding.title }));
    await visible(window.panel.locator(".now", { hasText: "Done" }));
    assert.deepEqual(await window.axe(), []);
    await visible(window.page.locator(".editor-instance .squiggly-warning"));
    await visible(window.view("Review").locator(".monaco-list-row", { hasText: finding.title }));
    const code = await window.page.locator(".editor-instance").first().boundingBox();
    const panel = await window.page.locator("iframe.webview.ready").boundingBox();
    assert.ok(code.x + code.width <= panel.x + 2, "the panel stands to the right of the code");
    await window.shot("review");
    await window.panel.locator(".finding button", { hasText: "src/cache.ts:10" }).click();
    await visible(window.page.locator(".statusbar-item", { hasText: /Ln 10\b/ }));
  });

  it("loses nothing when its process is killed in the middle of a run", async () => {
    await window.runCommand("Podium: Ask About This Workspace…");
    await window.enter("How many connections are there?", "Ask About");
    await visible(window.panel.locator(".doing"));
    const before = podiumPid(window.world.home);
    process.kill(before, "SIGKILL");
    await window.says("at most four connections");
    await window.says("went on after a crash");
    await window.statusIs("fake:1b");
    assert.notEqual(podiumPid(window.world.home), before);
    await visible(window.view("Review").locator(".monaco-list-row", { hasText: finding.title }));
    assert.deepEqual(await window.page.locator(".notifications-toasts .notification-list-item").allInnerTexts(), []);
    await window.shot("panel-after-crash");
  });

  it("says that the model server is gone", async () => {
    stopServer();
    await window.runCommand("Podium: Look for Model Servers");
    await window.statusIs("No model server");
    await window.shot("no-server");
  });

  it("kept the panel's page inside its policy all the time", async () => {
    await window.staysInside();
  });
});
