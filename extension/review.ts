import type * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, type StreamInfo } from "vscode-languageclient/node";
import { createWebSocketStream, WebSocket } from "ws";
import * as z from "zod";

const FindingData = z.object({ run: z.string() });

/** The review that a diagnostic comes from; the language client keeps its data beside it. */
function runOf(diagnostic: vscode.Diagnostic): string {
  const parsed = FindingData.safeParse("data" in diagnostic ? diagnostic.data : null);
  return parsed.success ? parsed.data.run : "";
}

/** Where the language server listens now. */
export interface LspAddress {
  readonly url: string;
  readonly token: string;
}

const opened = (socket: WebSocket): Promise<boolean> =>
  new Promise((resolve) => {
    socket.once("open", () => resolve(true));
    socket.once("error", () => resolve(false));
  });

/** Goes on until a socket is open: the address may be that of a process whose end nobody has noticed yet. */
async function connect(waitForHub: () => Promise<LspAddress>): Promise<WebSocket> {
  for (let tries = 1; ; tries += 1) {
    const { url, token } = await waitForHub();
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    if (await opened(socket)) return socket;
    await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 100 * tries)));
  }
}

/**
 * The language client of the reviews. `waitForHub` is asked again after every loss, so findings come back by themselves;
 * the client manages no process and never gives up. Findings of a run that `isCleared` names are not painted.
 */
export function createReview(
  waitForHub: () => Promise<LspAddress>,
  isCleared: (run: string) => boolean,
  log: vscode.LogOutputChannel,
): LanguageClient {
  const open = async (): Promise<StreamInfo> => {
    const socket = await connect(waitForHub);
    const stream = createWebSocketStream(socket);
    stream.once("end", () => stream.destroy());
    stream.on("error", () => stream.destroy());
    return { reader: stream, writer: stream, detached: true };
  };
  return new LanguageClient("podium", "Podium", open, {
    documentSelector: [{ scheme: "file" }],
    outputChannel: log,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => ({ action: CloseAction.Restart, handled: true }),
    },
    initializationFailedHandler: () => false,
    middleware: {
      handleDiagnostics: (uri, diagnostics, next) =>
        next(
          uri,
          diagnostics.filter((diagnostic) => !isCleared(runOf(diagnostic))),
        ),
    },
  });
}
