/** The content policy of the run panel: own scripts by nonce, own styles, fonts and pictures, no connection to anywhere. */
function panelPolicy(cspSource: string, nonce: string): string {
  return [
    "default-src 'none'",
    `img-src ${cspSource} data:`,
    `style-src ${cspSource}`,
    `font-src ${cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "connect-src 'none'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-src 'none'",
  ].join("; ");
}

/** The page of the run panel. All arguments come from the editor, none from a run. */
export function panelHtml(page: {
  readonly cspSource: string;
  readonly nonce: string;
  readonly script: string;
  readonly styles: readonly string[];
}): string {
  const links = page.styles.map(
    (href) =>
      `<link rel="stylesheet" href="${href}"${href.includes("codicon") ? ' id="vscode-codicon-stylesheet"' : ""}>`,
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${panelPolicy(page.cspSource, page.nonce)}">
${links.join("\n")}
<title>Podium run</title>
</head>
<body>
<podium-panel></podium-panel>
<script nonce="${page.nonce}" src="${page.script}"></script>
</body>
</html>`;
}
