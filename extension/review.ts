import type * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, type StreamInfo } from "vscode-languageclient/node";
import { createWebSocketStream, WebSocket } from "ws";

/** Where the language server listens now. */
export interface LspAddress {
  readonly url: string;
  readonly token: string;
}

/**
 * The language client of the reviews. `waitForHub` is asked again after every loss, so findings come back by themselves;
 * the client manages no process and never gives up.
 */
export function createReview(waitForHub: () => Promise<LspAddress>, log: vscode.LogOutputChannel): LanguageClient {
  const open = async (): Promise<StreamInfo> => {
    const { url, token } = await waitForHub();
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
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
  });
}
