// What a person does and sees in a workbench, by Playwright. `serveHands` offers it to a suite in the extension host over loopback.
import { createServer } from "node:http";

const statusItem = '[id="podium.podium.podium.status"]';
const quickInput = ".quick-input-widget:not([style*='display: none'])";
const texts = async (locator) => (await locator.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " ").trim());

/** Eyes and hands on one page; every function waits for what it needs, at most 30 s. */
export function createHands(page) {
  page.setDefaultTimeout(30_000);
  const panel = () => page.frameLocator("iframe.webview.ready").last().frameLocator("iframe#active-frame");
  const rows = () => page.locator(`${quickInput} .quick-input-list .monaco-list-row`);
  const pane = (view) =>
    page.locator(".split-view-view:has(> .pane)", { has: page.locator(`.pane-header[aria-label^="${view}"]`) });
  const treeRow = (view, label) => pane(view).locator(".monaco-list-row", { hasText: label }).first();
  const inMenu = (title) =>
    page.locator(".monaco-menu .action-item:not(.disabled) .action-label", { hasText: title }).first();
  /** Opens a menu and takes one entry; the menu closes when it has taken the click. */
  const takeEntry = async (title, open) => {
    const entry = inMenu(title);
    for (const end = Date.now() + 25_000; Date.now() < end; ) {
      if (await page.locator(".context-view-block").first().isVisible()) await page.mouse.click(640, 4);
      const isTaken = await (async () => {
        await open();
        await entry.waitFor({ timeout: 2000 });
        // VS Code ignores the mouse for the first 100 ms of a menu, so that the click that opened it takes nothing.
        await page.waitForTimeout(150);
        await entry.click({ timeout: 2000 });
        await entry.waitFor({ state: "hidden", timeout: 2000 });
      })().then(
        () => true,
        () => false,
      );
      if (isTaken) return;
    }
    throw new Error(`no entry ${title} in ${await texts(page.locator(".monaco-menu .action-item"))}`);
  };
  /** Clicks a thing that the editor may draw anew at any moment, exactly once; `show` brings it up. */
  const clickOnce = async (locator, show) => {
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
      await show();
      await locator.waitFor({ timeout: 1000 }).catch(() => undefined);
      const box = await locator.boundingBox({ timeout: 500 }).catch(() => null);
      if (box) return page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    }
    throw new Error(`there is no ${locator}; rows: ${await texts(page.locator(".pane-body .monaco-list-row"))}`);
  };
  const hands = {
    /** A window behind another one draws nothing. */
    front: () => page.bringToFront(),
    press: (keys) => page.keyboard.press(keys),
    type: (text) => page.keyboard.type(text),
    /** What an open quick pick or input box shows; null when none is open. */
    quick: async () => {
      if (!(await page.locator(quickInput).isVisible())) return null;
      return {
        title: (await texts(page.locator(`${quickInput} .quick-input-title`))).join(""),
        message: (await texts(page.locator(`${quickInput} .quick-input-message`))).join(""),
        rows: await texts(rows()),
      };
    },
    /** Writes into the open input and presses Enter. */
    enter: async (text) => {
      await page.locator(`${quickInput} input[type="text"]`).fill(text);
      await page.keyboard.press("Enter");
    },
    fill: (text) => page.locator(`${quickInput} input[type="text"]`).fill(text),
    pick: async (label) => {
      const row = rows().filter({ hasText: label }).first();
      await row.click({ timeout: 15_000 }).catch(async (error) => {
        throw new Error(`${error.message}\nit shows ${JSON.stringify(await hands.quick())}`);
      });
    },
    /** Runs a command as a person finds it in the palette. */
    palette: async (title) => {
      await page.bringToFront();
      const input = page.locator(`${quickInput} input[type="text"]`);
      const choose = async () => {
        await page.keyboard.press("Escape");
        await input.waitFor({ state: "hidden", timeout: 2000 });
        await page.keyboard.press("F1");
        await input.fill(`>${title}`, { timeout: 2000 });
        await rows().filter({ hasText: title }).first().click({ timeout: 4000 });
      };
      for (const end = Date.now() + 30_000; ; ) {
        const error = await choose().then(
          () => null,
          (reason) => reason,
        );
        if (error === null) return;
        if (Date.now() > end) throw error;
      }
    },
    status: async () => (await texts(page.locator(statusItem))).join(""),
    clickStatus: () => page.locator(statusItem).click(),
    /** The tooltip of the status item. */
    hoverStatus: async () => {
      await page.mouse.move(5, 300);
      await page.locator(statusItem).hover();
      const hover = page.locator(".workbench-hover .hover-contents", { hasText: "Podium" }).first();
      await hover.waitFor();
      const text = (await texts(hover)).join(" ");
      await page.mouse.move(5, 300);
      return text;
    },
    openContainer: async () => {
      const icon = page.locator(".activitybar .action-item", { has: page.locator('a[aria-label^="Podium"]') });
      const runs = page.locator('.pane-header[aria-label^="Runs"]');
      // A click on the open container closes it, and a window that starts may still be opening the one of last time.
      for (const end = Date.now() + 30_000; Date.now() < end; ) {
        const shown = await runs.waitFor({ timeout: 2000 }).then(
          () => true,
          () => false,
        );
        if (shown) return;
        await icon.click();
      }
    },
    /** The rows of a view, and the text that an empty one shows. */
    view: async (view) => ({
      rows: await texts(pane(view).locator(".monaco-list-row")),
      welcome: (await texts(pane(view).locator(".welcome-view-content"))).join(" "),
      buttons: await texts(pane(view).locator(".welcome-view-content .monaco-button")),
    }),
    unfold: async (view) => {
      const header = pane(view).locator(".pane-header");
      if ((await header.getAttribute("aria-expanded")) !== "true") await header.click();
    },
    clickRow: (view, label) => treeRow(view, label).click(),
    unfoldRow: (view, label) => treeRow(view, label).locator(".monaco-tl-twistie").click(),
    /** An icon on a row, shown while the pointer is there. */
    inline: (view, label, title) => {
      const icon = treeRow(view, label).locator(`.actions .action-label[aria-label^="${title}"]`);
      return clickOnce(icon, () => treeRow(view, label).hover());
    },
    context: (view, label, title) =>
      takeEntry(title, () => treeRow(view, label).click({ button: "right", timeout: 2000 })),
    /** An icon in the head of a view, or, if it is not there, an entry of its … menu. */
    head: async (view, title) => {
      const header = pane(view).locator(".pane-header");
      await header.hover();
      const icon = header.locator(`.action-label[aria-label^="${title}"]`);
      if ((await icon.count()) > 0) return clickOnce(icon, () => header.hover());
      const more = header.locator('.action-label[aria-label*="More Actions"]');
      await takeEntry(title, async () => {
        await header.hover({ timeout: 2000 });
        await more.click({ timeout: 2000 });
      });
    },
    /** The titles that the head of a view offers. */
    headTitles: async (view) => {
      await pane(view).locator(".pane-header").hover();
      return pane(view)
        .locator(".pane-header .action-label")
        .evaluateAll((all) => all.map((label) => label.getAttribute("aria-label")));
    },
    welcomeButton: (view, title) => pane(view).locator(".monaco-button", { hasText: title }).first().click(),
    click: (selector, text) =>
      page
        .locator(selector, text ? { hasText: text } : {})
        .first()
        .click(),
    count: (selector) => page.locator(selector).count(),
    texts: (selector) => texts(page.locator(selector)),
    toasts: () => texts(page.locator(".notifications-toasts .notification-list-item-message")),
    toastButton: (title) => page.locator(".notifications-toasts .monaco-button", { hasText: title }).first().click(),
    clearToasts: async () => {
      await page.keyboard.press("Escape");
      await page.keyboard.press("F1");
      await page.locator(`${quickInput} input[type="text"]`).fill(">Notifications: Clear All Notifications");
      await page.keyboard.press("Enter");
    },
    panelText: async () => {
      if ((await page.locator("iframe.webview.ready").count()) === 0) return "";
      const body = panel().locator("body");
      return (await texts(body).catch(() => [])).join(" ");
    },
    panelClick: (selector, text) =>
      panel()
        .locator(selector, text ? { hasText: text } : {})
        .first()
        .click(),
    panelFill: (selector, text) => panel().locator(selector).first().fill(text),
    screenshot: (path) => page.screenshot({ path }),
  };
  return hands;
}

/** Offers the hands over loopback: POST {do, args} → {value} or {error}. `page` may come later. */
export async function serveHands() {
  let hands = null;
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = async () => {
      const { do: name, args } = JSON.parse(Buffer.concat(chunks).toString());
      return { value: (await hands[name](...args)) ?? null };
    };
    const body = await answer().catch((error) => ({ error: String(error.message ?? error) }));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    hold: (page) => {
      hands = createHands(page);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
