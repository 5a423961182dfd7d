import { type FromPanel, ToPanel } from "../sidecar/protocol/panel.ts";

interface EditorApi {
  postMessage(message: FromPanel): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): EditorApi;

export interface Host {
  post(message: FromPanel): void;
  /** Remembers which run is shown, so that a reload shows it again. */
  remember(run: string): void;
}

/** The only way out of the panel: typed messages to the editor. What comes in is parsed here, once. */
export function connectHost(receive: (message: ToPanel) => void): Host {
  const api = acquireVsCodeApi();
  window.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    const parsed = ToPanel.safeParse(data);
    if (parsed.success) receive(parsed.data);
  });
  return { post: (message) => api.postMessage(message), remember: (run) => api.setState({ run }) };
}
