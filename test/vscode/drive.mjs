// Installs the packed VSIX in a fresh VS Code and uses it as a person would; the screenshots go to shots/.
// usage: node test/vscode/drive.mjs [file.vsix]      default: the newest dist-packed podium-linux-*.vsix of the repository
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { openWorkbench, repository, startServer } from "./vscode.mjs";
import { gitWorkspace } from "./workspace.mjs";
import { makeWorld, podiumPid } from "./world.mjs";

const axe = createRequire(import.meta.url)("axe-core").source;
const shots = path.join(repository, "shots");
mkdirSync(shots, { recursive: true });
const visible = (locator) => locator.waitFor({ state: "visible" });
const statusItem = '[id="podium.podium.podium.status"]';
const themes = [
  ["dark", "Dark Modern", "vs-dark"],
  ["light", "Light Modern", "vs"],
  ["hc-dark", "Dark High Contrast", "hc-black"],
  ["hc-light", "Light High Contrast", "hc-light"],
];

function newestPackage() {
  const found = ["", "dist", "packages", "out"]
    .flatMap((folder) => {
      try {
        return readdirSync(path.join(repository, folder)).map((name) => path.join(repository, folder, name));
      } catch {
        return [];
      }
    })
    .filter((file) => /linux.*\.vsix$/.test(file))
    .sort((left, right) => statSync(right).mtimeMs - statSync(left).mtimeMs);
  if (!found[0]) throw new Error("There is no packed extension for Linux: run npm run package first.");
  return found[0];
}

const finding = {
  quote: "    if (!entry) return undefined;",
  category: "correctness",
  title: "Expired entry is returned",
  claim: "The check of the deadline was removed.",
  trigger: "get(k) after the deadline -> old value",
};
const rules = [
  {
    match: "verdict",
    answer: { text: JSON.stringify({ verdict: "real", evidence: finding.quote }), delayMs: 300, promptTokens: 900 },
  },
  { match: "findings", answer: { text: JSON.stringify({ findings: [finding] }), delayMs: 600, promptTokens: 900 } },
  {
    answer: {
      text: "Entries expire after their deadline, then get returns undefined [1].",
      delayMs: 1500,
      pieceMs: 120,
      promptTokens: 900,
    },
  },
];

/** The scripted model server, a process of its own, on the port of the world. */
async function startModelServer(world) {
  const file = path.join(world.home, "answers.json");
  writeFileSync(file, JSON.stringify(rules));
  const args = [
    path.join(repository, "test/support/fake-server.ts"),
    "ollama",
    "--answers",
    file,
    "--port",
    String(world.port),
  ];
  const child = spawn(path.join(repository, "node_modules/.bin/node"), args, { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill());
  const lines = createInterface({ input: child.stdout });
  await new Promise((resolve) => lines.once("line", resolve));
  return () => child.kill();
}

async function drive(options, steps) {
  const world = await makeWorld();
  const server = await startServer({ vsix: [process.argv[2] ?? newestPackage()], ...options, env: world.env });
  try {
    const { page, close } = await openWorkbench(server, {
      folder: gitWorkspace(),
      width: options.width ?? 1400,
      height: 900,
    });
    page.setDefaultTimeout(30_000);
    const pick = async (text, label) => {
      await page.locator('.quick-input-widget input[type="text"]').fill(text);
      await page.locator(".quick-input-list .monaco-list-row", { hasText: label }).first().click();
    };
    const runCommand = async (title) => {
      await page.keyboard.press("F1");
      await pick(`>${title}`, title);
    };
    // The whole item: a badge covers the icon and would take the click.
    const openView = (label) =>
      page.locator(".activitybar .action-item", { has: page.locator(`a[aria-label^="${label}"]`) }).click();
    const shot = (name) => page.screenshot({ path: path.join(shots, `${name}.png`) });
    const status = page.locator(statusItem);
    const theme = async (label, kind) => {
      await runCommand("Preferences: Color Theme");
      await pick(label, label);
      await visible(page.locator(`.monaco-workbench.${kind}`));
    };
    await steps({ page, world, openView, pick, runCommand, shot, status, theme }).catch(async (error) => {
      await page.screenshot({ path: path.join(repository, "failure.png") });
      throw error;
    });
    await close();
  } finally {
    await server.stop();
    world.end();
  }
}

/** Rules of axe that the panel breaks: told at the end, so that the pictures are there. */
const refused = [];
const panelOf = (page) => page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame");

await drive({ trusted: true }, async ({ page, world, openView, pick, runCommand, shot, status, theme }) => {
  await visible(status);
  console.log("cold:", (await status.innerText()).trim());
  const stopServer = await startModelServer(world);
  await openView("Podium");
  await visible(status.filter({ hasText: "fake:1b" }));
  console.log("ready:", (await status.innerText()).trim());
  await shot("views-ready");

  await runCommand("Podium: Ask About This Workspace…");
  await page.locator('.quick-input-widget input[type="text"]').fill("When does an entry expire?");
  await page.keyboard.press("Enter");
  const panel = panelOf(page);
  await visible(panel.locator("body", { hasText: "expire" }));
  await visible(status.filter({ hasText: "fake:1b" }));
  console.log("after the run:", (await status.innerText()).trim());
  const frame = await (await panel.owner().elementHandle()).contentFrame();
  await frame.evaluate(axe);
  await runCommand("Notifications: Clear All Notifications");
  for (const [name, label, kind] of themes) {
    await theme(label, kind);
    await visible(panel.locator(`body[data-vscode-theme-name="${label}"]`));
    const { violations, passes } = await frame.evaluate("axe.run()");
    console.log(
      `axe, ${name}: ${passes.length} rules passed, violations:`,
      violations.map(({ id }) => id),
    );
    await shot(`panel-${name}`);
    refused.push(...violations.map(({ id, nodes }) => `${name}: ${id} (${nodes[0]?.html})`));
  }
  await theme("Dark Modern", "vs-dark");
  await page.keyboard.press("Control+B");
  for (const width of [560, 900]) {
    await page.setViewportSize({ width: width + 60, height: 800 });
    await shot(`panel-${width}`);
  }
  await page.setViewportSize({ width: 1400, height: 900 });

  await runCommand("Podium: Review Changes…");
  await pick("", "Staged");
  await visible(panel.locator("body", { hasText: "review_changes" }));
  await page.keyboard.press("Control+P");
  await pick("cache.ts", "cache.ts");
  await visible(page.locator(".editor-instance .squiggly-warning").first());
  await openView("Podium");
  await visible(page.locator(".pane-body .monaco-list-row", { hasText: "cache.ts" }));
  await shot("review");

  process.kill(podiumPid(world.home), "SIGKILL");
  await visible(status.filter({ hasText: /Reconnecting|Starting|fake:1b/ }));
  await visible(status.filter({ hasText: "fake:1b" }));
  console.log("after kill -9:", (await status.innerText()).trim());

  stopServer();
  await runCommand("Podium: Look for Model Servers");
  await visible(status.filter({ hasText: "No model server" }));
  await shot("no-server");
});

await drive(
  { trusted: false, userSettings: { "workbench.colorTheme": "Default High Contrast" } },
  async ({ page, world, openView, runCommand, shot, status }) => {
    await visible(status.filter({ hasText: "View only" }));
    await openView("Podium");
    await visible(page.locator(".pane-body", { hasText: "Restricted Mode" }).first());
    assert.equal(podiumPid(world.home), undefined);
    await runCommand("Podium: Play the Recording");
    await visible(panelOf(page).locator("body", { hasText: "Recorded" }));
    await visible(panelOf(page).locator("body", { hasText: "Expired entry" }));
    await shot("restricted");
    assert.equal(podiumPid(world.home), undefined);
  },
);
console.log("the drive is done; look at shots/");
assert.deepEqual(refused, [], "what axe refuses in the run panel");
