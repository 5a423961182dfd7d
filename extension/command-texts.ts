export const commandIds = [
  "podium.ask",
  "podium.review.changes",
  "podium.review.clear",
  "podium.run",
  "podium.run.open",
  "podium.run.answer",
  "podium.run.cancel",
  "podium.run.resume",
  "podium.run.again",
  "podium.workflow.open",
  "podium.models.refresh",
  "podium.recording.play",
  "podium.actions",
  "podium.doctor",
  "podium.hub.restart",
  "podium.log",
] as const;
export type CommandId = (typeof commandIds)[number];

interface CommandText {
  readonly title: string;
  readonly icon: string;
  /** True when the command reads the folder or starts a run. */
  readonly needsTrust: boolean;
}

const command = (title: string, icon: string, needsTrust = false): CommandText => ({
  title,
  icon: `$(${icon})`,
  needsTrust,
});

/** Title and icon of every command, for the manifest and the quick picks alike. */
export const commandTexts: { readonly [C in CommandId]: CommandText } = {
  "podium.ask": command("Ask About This Workspace…", "comment-discussion", true),
  "podium.review.changes": command("Review Changes…", "git-compare", true),
  "podium.review.clear": command("Clear Findings", "clear-all"),
  "podium.run": command("Run Workflow…", "play", true),
  "podium.run.open": command("Open Run", "open-preview"),
  "podium.run.answer": command("Answer…", "bell-dot", true),
  "podium.run.cancel": command("Cancel Run", "debug-stop", true),
  "podium.run.resume": command("Resume Run", "debug-continue", true),
  "podium.run.again": command("Run Again", "debug-restart", true),
  "podium.workflow.open": command("Open Workflow File", "go-to-file"),
  "podium.models.refresh": command("Look for Model Servers", "refresh", true),
  "podium.recording.play": command("Play the Recording", "play-circle"),
  "podium.actions": command("Actions…", "list-selection"),
  "podium.doctor": command("Doctor", "pulse", true),
  "podium.hub.restart": command("Restart", "debug-restart", true),
  "podium.log": command("Show Log", "output"),
};
