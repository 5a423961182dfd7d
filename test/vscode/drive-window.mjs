// One VS Code window with the packed extension, and the eyes and hands of a person in it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { openWorkbench, repository, startServer } from "./vscode.mjs";
import { gitWorkspace } from "./workspace.mjs";
import { makeWorld } from "./world.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const deadline = 45_000;
const quick = ".quick-input-widget:not([style*='display: none'])";
export const visible = (locator) => locator.first().waitFor({ state: "visible" });

/** The scripted model server, a process of its own, on the port of the world. */
export async function startModelServer(world, rules) {
  const file = path.join(world.home, "answers.json");
  writeFileSync(file, JSON.stringify(rules));
  const script = path.join(repository, "test/support/fake-server.ts");
  const args = [script, "ollama", "--answers", file, "--port", String(world.port)];
  const child = spawn(path.join(repository, "node_modules/.bin/node"), args, { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill());
  const lines = createInterface({ input: child.stdout });
  await new Promise((resolve) => lines.once("line", resolve));
  return () => child.kill();
}

/** What content policies refused, from the browser's own reports. */
function watchPolicy(page) {
  const refused = [];
  page.on("console", (line) => {
    if (/violates the following Content Security Policy/i.test(line.text())) refused.push(line.text());
  });
  return refused;
}

/** Starts everything; `close` ends it. */
export async function openWindow(options) {
  const world = await makeWorld();
  const server = await startServer({ vsix: [process.env.PODIUM_DRIVE_VSIX], ...options, env: world.env });
  const workspace = gitWorkspace();
  const { page, close } = await openWorkbench(server, { folder: workspace, width: 1400, height: 900 });
  page.setDefaultTimeout(deadline);
  const refused = watchPolicy(page);
  const panel = page.frameLocator("iframe.webview.ready").last().frameLocator("iframe#active-frame");
  const pick = async (text, label) => {
    await page.locator(`${quick} input[type="text"]`).fill(text);
    await page.locator(`${quick} .quick-input-list .monaco-list-row`, { hasText: label }).first().click();
  };
  const runCommand = async (title) => {
    await page.keyboard.press("F1");
    await pick(`>${title}`, title);
  };
  const titled = (title) => page.locator(`${quick} .quick-input-title`, { hasText: title });
  /** Runs a command and picks from the list it shows; the editor sometimes gives the focus back late, which closes a list. */
  const runAndPick = async (command, title, label) => {
    for (let tries = 1; ; tries += 1) {
      await runCommand(command);
      try {
        await titled(title).waitFor({ timeout: deadline / 3 });
        const row = page.locator(`${quick} .quick-input-list .monaco-list-row`, { hasText: label }).first();
        return await row.click({ timeout: deadline / 3 });
      } catch (error) {
        if (tries === 3) throw error;
        await page.keyboard.press("Escape");
      }
    }
  };
  const frame = async () => (await panel.owner().elementHandle()).contentFrame();
  const inPanel = async (expression) => (await frame()).evaluate(expression);
  const status = page.locator('[id="podium.podium.podium.status"]');
  return {
    world,
    workspace,
    page,
    panel,
    status,
    pick,
    runCommand,
    runAndPick,
    inPanel,
    /** Answers an open input box; `title` is part of what it is called, so that no other one is meant. */
    enter: async (text, title = "") => {
      if (title) await visible(titled(title));
      await page.locator(`${quick} input[type="text"]`).fill(text);
      await page.keyboard.press("Enter");
    },
    // The whole item: a badge covers the icon and would take the click.
    openView: (label) =>
      page.locator(".activitybar .action-item", { has: page.locator(`a[aria-label^="${label}"]`) }).click(),
    /** A view of the sidebar, by the name in its header. */
    view: (label) =>
      page.locator(".split-view-view:has(> .pane)", { has: page.locator(`.pane-header[aria-label^="${label}"]`) }),
    shot: async (name) => {
      // A click by Playwright may have scrolled the workbench itself, which a person cannot.
      await page.evaluate(() => {
        const frames =
          ".monaco-workbench, .part, .monaco-grid-view, .monaco-grid-branch-node, .split-view-container, .split-view-view";
        for (const element of document.querySelectorAll(`html, body, ${frames}`)) {
          element.scrollTop = 0;
          element.scrollLeft = 0;
        }
      });
      await page.screenshot({ path: path.join(repository, "shots", `${name}.png`) });
    },
    statusIs: (text) => visible(status.filter({ hasText: text })),
    says: (text) => visible(panel.locator("body", { hasText: text })),
    theme: async (label, kind) => {
      await runCommand("Preferences: Color Theme");
      await pick(label, label);
      await visible(page.locator(`.monaco-workbench.${kind}`));
      await visible(panel.locator(`body[data-vscode-theme-name="${label}"]`));
    },
    /** Serious and critical violations in the panel as it is now. */
    axe: async () => {
      await inPanel(axe);
      const { violations } = await inPanel("axe.run()");
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
    },
    /** The panel's page loaded its own files and nothing else, and its policy had nothing to refuse until a forbidden try. */
    staysInside: async () => {
      const loaded = await inPanel(
        "performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)",
      );
      const files = new Set(loaded.map((name) => name.replace(/^.*\/dist\/webview\//, "")));
      assert.deepEqual([...files].toSorted(), ["codicon.css", "codicon.ttf", "main.js"]);
      assert.deepEqual(refused, []);
      await inPanel("document.body.setAttribute('style', 'color: red')");
      for (const end = Date.now() + deadline; refused.length === 0; await page.waitForTimeout(50))
        assert.ok(Date.now() < end, "a forbidden try was not reported: the check above proves nothing");
    },
    failure: () => page.screenshot({ path: path.join(repository, "failure.png") }),
    close: async () => {
      await close();
      await server.stop();
      world.end();
    },
  };
}
