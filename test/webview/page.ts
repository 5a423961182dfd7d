import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { panelHtml } from "../../extension/panel-html.ts";
import type { FromPanel, ToPanel } from "../../sidecar/protocol/panel.ts";

const root = join(import.meta.dirname, "../..");
const origin = "http://panel.test";
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
export const hasChromium = existsSync(executablePath);

interface Theme {
  readonly body: string;
  readonly variables: { readonly [name: string]: string };
}
export const themeNames = ["dark", "light", "hc-dark", "hc-light"] as const;
type ThemeName = (typeof themeNames)[number];
/** What VS Code 1.139 gives its webviews, of the variables that the panel uses. */
const themes = JSON.parse(readFileSync(join(import.meta.dirname, "themes.json"), "utf8")) as Record<ThemeName, Theme>;
const axe = readFileSync(join(root, "node_modules/axe-core/axe.min.js"), "utf8");

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, "webview/main.ts")],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

const files: Record<string, { readonly type: string; readonly path: string }> = {
  "/codicon.css": { type: "text/css", path: "node_modules/@vscode/codicons/dist/codicon.css" },
  "/codicon.ttf": { type: "font/ttf", path: "node_modules/@vscode/codicons/dist/codicon.ttf" },
};

/** Runs in the page: stands in for the editor's side, and notes what the policy refused. */
const editorSide = `
  const watched = { posted: [], violations: [] };
  window.watched = watched;
  window.acquireVsCodeApi = () => ({
    postMessage: (message) => watched.posted.push(message),
    getState: () => undefined,
    setState: () => undefined,
  });
  document.addEventListener("securitypolicyviolation", (event) =>
    watched.violations.push([event.violatedDirective, event.blockedURI, event.sample].join(" ")));
`;
/** Messages keep their order, so the last one of our own says that all were taken; then what they changed is drawn. */
const sendAll = (messages: readonly ToPanel[]): string => `new Promise((done) => {
  window.addEventListener("message", function taken({ data }) {
    if (data !== "all sent") return;
    window.removeEventListener("message", taken);
    done(document.querySelector("podium-panel").updateComplete);
  });
  for (const message of [...${JSON.stringify(messages)}, "all sent"]) window.postMessage(message, "*");
})`;
const paint = ({ body, variables }: Theme): string => `{
  document.body.className = ${JSON.stringify(body)};
  document.documentElement.removeAttribute("style");
  for (const [key, value] of Object.entries(${JSON.stringify(variables)})) document.documentElement.style.setProperty(key, value);
}`;

export interface Panel {
  readonly page: Page;
  /** Addresses that the page asked for, without its own files. */
  readonly foreign: readonly string[];
  /** Errors on the console and thrown ones. */
  readonly errors: readonly string[];
  /** Sends and waits until it is drawn; without messages, until what a click changed is drawn. */
  send(...messages: readonly ToPanel[]): Promise<void>;
  posted(): Promise<readonly FromPanel[]>;
  violations(): Promise<readonly string[]>;
  theme(name: ThemeName): Promise<void>;
  /** Rules that axe finds broken, serious or critical, with the first element. */
  axe(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** One browser for a suite; every panel is a page of its own, with the policy and the messages that the editor gives it. */
export async function startBrowser(): Promise<{ open(size?: Size): Promise<Panel>; close(): Promise<void> }> {
  const script = await bundle();
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  return { open: (size) => openPanel(browser, script, size), close: () => browser.close() };
}

interface Size {
  readonly width: number;
  readonly height: number;
  readonly options?: Parameters<Browser["newPage"]>[0];
}

async function openPanel(browser: Browser, script: string, size: Size = { width: 1000, height: 700 }): Promise<Panel> {
  const { width, height, options = {} } = size;
  const page = await browser.newPage({ viewport: { width, height }, ...options });
  const [foreign, errors]: [string[], string[]] = [[], []];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (line) => {
    if (line.type() === "error") errors.push(line.text());
  });
  await page.route("**", async (route) => {
    const { origin: asked, pathname } = new URL(route.request().url());
    const file = files[pathname];
    if (asked !== origin) foreign.push(route.request().url());
    if (asked !== origin) return route.abort();
    if (pathname === "/main.js") return route.fulfill({ contentType: "text/javascript", body: script });
    if (file) return route.fulfill({ contentType: file.type, body: readFileSync(join(root, file.path)) });
    const body = panelHtml({ cspSource: origin, nonce: "N", script: "/main.js", styles: ["/codicon.css"] });
    return route.fulfill({ contentType: "text/html", body });
  });
  await page.addInitScript({ content: editorSide });
  await page.goto(`${origin}/`);
  const panel: Panel = {
    page,
    foreign,
    errors,
    send: async (...messages) => void (await page.evaluate(sendAll(messages))),
    posted: () => page.evaluate("watched.posted"),
    violations: () => page.evaluate("watched.violations"),
    theme: (name) => page.evaluate(paint(themes[name])),
    axe: async () => {
      await page.evaluate(axe);
      const { violations } = (await page.evaluate("axe.run()")) as {
        violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
      };
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
    },
    close: () => page.close(),
  };
  await panel.theme("dark");
  return panel;
}
