import * as z from "zod";
import { type SettingKey, settingScopes, settings } from "../sidecar/protocol/settings.ts";
import { type CommandId, commandIds, commandTexts } from "./command-texts.ts";

const titleOf = (id: CommandId): string => commandTexts[id].title;
const link = (id: CommandId): string => `[${titleOf(id)}](command:${id})`;

const inRun = (states: string): string => `view == podium.runs && viewItem =~ /^run\\.(${states})/`;

const menus = {
  commandPalette: [{ command: "podium.workflow.open", when: "false" }],
  "view/title": [
    { command: "podium.review.changes", when: "view == podium.review", group: "navigation@1" },
    { command: "podium.review.clear", when: "view == podium.review && podium.findings > 0", group: "2_clear" },
    { command: "podium.run", when: "view == podium.runs", group: "navigation@1" },
    { command: "podium.ask", when: "view == podium.runs", group: "navigation@2" },
    { command: "podium.models.refresh", when: "view == podium.models", group: "navigation@1" },
    { command: "podium.doctor", when: "view == podium.models", group: "3_fix" },
  ],
  "view/item/context": [
    { command: "podium.run.answer", when: inRun("waiting"), group: "inline@1" },
    { command: "podium.run.resume", when: inRun("parked"), group: "inline@1" },
    { command: "podium.run.cancel", when: inRun("running|waiting|parked|queued"), group: "inline@2" },
    { command: "podium.run.again", when: inRun("done|failed|cancelled"), group: "inline@1" },
    { command: "podium.run.open", when: "view == podium.runs && viewItem =~ /^run/", group: "1_open" },
    { command: "podium.run", when: "view == podium.workflows && viewItem =~ /^workflow\\.ok/", group: "inline@1" },
    {
      command: "podium.workflow.open",
      when: "view == podium.workflows && viewItem =~ /^workflow.*file/",
      group: "1_open",
    },
  ],
  "scm/title": [{ command: "podium.review.changes", when: "scmProvider == git", group: "navigation@-10" }],
} as const;

const keybindings = [
  { key: "ctrl+k a", mac: "cmd+k a", command: "podium.actions" },
  { key: "ctrl+k g", mac: "cmd+k g", command: "podium.review.changes", when: "isWorkspaceTrusted" },
  { key: "ctrl+k q", mac: "cmd+k q", command: "podium.ask", when: "isWorkspaceTrusted" },
  { key: "ctrl+k n", mac: "cmd+k n", command: "podium.run.answer", when: "podium.waiting > 0" },
] as const;

const trust = "[Manage Workspace Trust](command:workbench.trust.manage)";
const restricted = `This window is in Restricted Mode: you can look at runs, not start them.\n${trust}\n${link("podium.recording.play")}`;

const viewsWelcome = [
  {
    view: "podium.review",
    contents: `Review a change before somebody else does. Findings appear in the code and here.\n${link("podium.review.changes")}`,
    when: "isWorkspaceTrusted && podium.review == none && podium.server == ready",
  },
  {
    view: "podium.review",
    contents: `No model answers yet. Rules still check a change; watch a recorded run meanwhile, marked as a recording.\n${link("podium.review.changes")}\n${link("podium.recording.play")}`,
    when: "isWorkspaceTrusted && podium.review == none && podium.server != ready",
  },
  {
    view: "podium.review",
    contents: "Reviewing. A finding appears here as soon as it is verified.",
    when: "podium.review == running",
  },
  {
    view: "podium.review",
    contents: `$(check) Nothing to report.\n${link("podium.review.changes")}`,
    when: "podium.review == clean",
  },
  { view: "podium.review", contents: restricted, when: "!isWorkspaceTrusted && podium.review == none" },
  {
    view: "podium.runs",
    contents: `No runs yet. Every run stays here with its full trace, also after a crash.\n${link("podium.ask")}\n${link("podium.run")}`,
    when: "isWorkspaceTrusted && podium.hub == up",
  },
  {
    view: "podium.runs",
    contents: `Podium is not running. It starts by itself on first use.\n[Start](command:podium.hub.restart)\n${link("podium.doctor")}`,
    when: "isWorkspaceTrusted && podium.hub != up",
  },
  { view: "podium.runs", contents: restricted, when: "!isWorkspaceTrusted" },
  { view: "podium.workflows", contents: restricted, when: "!isWorkspaceTrusted" },
  { view: "podium.models", contents: restricted, when: "!isWorkspaceTrusted" },
  {
    view: "podium.models",
    contents: "Looking for Ollama, MLX and LM Studio…",
    when: "isWorkspaceTrusted && podium.server == searching",
  },
  {
    view: "podium.models",
    contents: `No model server found on this machine. Start Ollama or an MLX server, or name one in the settings.\n${link("podium.models.refresh")}\n[Open Settings](command:workbench.action.openSettings?%22podium.servers%22)\n${link("podium.doctor")}`,
    when: "isWorkspaceTrusted && podium.server == none",
  },
] as const;

/** Settings that a folder must not decide: VS Code ignores the folder's value until it is trusted. */
const restrictedSettings: readonly SettingKey[] = ["servers", "roles", "network", "gpu.parallel", "budget"];

function property(key: SettingKey): { readonly [name: string]: unknown } {
  const { $schema: _, description, ...schema } = z.toJSONSchema(settings[key], { io: "input" });
  return { ...schema, scope: settingScopes[key], markdownDescription: description };
}

const isSettingKey = (key: string): key is SettingKey => key in settings;

/** Every setting's key, in the order of the table. */
export const settingKeys: readonly SettingKey[] = Object.keys(settings).filter(isSettingKey);

/** The part of package.json that VS Code reads; `bin/manifest.mjs` writes it there and a test keeps both equal. */
export function manifest(): { readonly [key: string]: unknown } {
  return {
    main: "./dist/extension.cjs",
    categories: ["AI", "Linters", "Other"],
    extensionKind: ["workspace"],
    activationEvents: ["onStartupFinished", "onWebviewPanel:podium.run"],
    capabilities: {
      untrustedWorkspaces: {
        supported: "limited",
        description: "View runs only; nothing from the folder is read or run.",
        restrictedConfigurations: restrictedSettings.map((key) => `podium.${key}`),
      },
      virtualWorkspaces: { supported: "limited", description: "Reviews need git and files on this machine." },
    },
    contributes: {
      commands: commandIds.map((id) => ({
        command: id,
        title: commandTexts[id].title,
        category: "Podium",
        icon: commandTexts[id].icon,
        ...(commandTexts[id].needsTrust ? { enablement: "isWorkspaceTrusted" } : {}),
      })),
      menus,
      keybindings,
      configuration: {
        title: "Podium",
        properties: Object.fromEntries(settingKeys.map((key) => [`podium.${key}`, property(key)])),
      },
      viewsContainers: { activitybar: [{ id: "podium", title: "Podium", icon: "extension/media/podium.svg" }] },
      views: {
        podium: [
          { id: "podium.review", name: "Review", icon: "$(git-compare)" },
          { id: "podium.runs", name: "Runs", icon: "$(history)" },
          { id: "podium.workflows", name: "Workflows", icon: "$(type-hierarchy)", visibility: "collapsed" },
          { id: "podium.models", name: "Models", icon: "$(server)", visibility: "collapsed" },
        ],
      },
      viewsWelcome,
    },
  };
}
