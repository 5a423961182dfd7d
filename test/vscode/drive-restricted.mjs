// A folder that is not trusted: nothing is started, and the recording plays.
import assert from "node:assert/strict";
import { openWindow, visible } from "./drive-window.mjs";
import { podiumPid } from "./world.mjs";

describe("the packed extension in Restricted Mode", () => {
  let window;
  before(async () => {
    window = await openWindow({ trusted: false, userSettings: { "workbench.colorTheme": "Dark Modern" } });
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await window.failure();
  });
  after(() => window?.close());

  it("says so in the status bar and in every view, and starts nothing", async () => {
    await window.statusIs("View only");
    await window.openView("Podium");
    await visible(window.view("Review").locator(".pane-body", { hasText: "Restricted Mode" }));
    await visible(window.view("Runs").locator("a", { hasText: "Play the Recording" }));
    assert.equal(podiumPid(window.world.home), undefined);
  });

  it("plays the recording in the real panel, named as one, with nothing to press", async () => {
    await window.view("Runs").locator("a", { hasText: "Play the Recording" }).click();
    await visible(window.panel.locator(".banner", { hasText: "Recorded" }));
    await window.shot("recording-begins");
    await visible(window.panel.locator(".now", { hasText: "Done" }));
    await visible(window.panel.locator(".finding"));
    assert.equal(await window.panel.locator("header button").count(), 0);
    assert.deepEqual(await window.axe(), []);
    await window.shot("restricted");
  });

  it("still has started nothing and asked for nothing", async () => {
    assert.equal(podiumPid(window.world.home), undefined);
    await window.staysInside();
  });
});
