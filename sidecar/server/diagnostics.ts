import { type Diagnostic, DiagnosticSeverity } from "vscode-languageserver-protocol/node";
import type { Finding, Severity } from "../protocol/review.ts";

/** High is a warning, medium an information; red belongs to the compiler. */
const severityOf: Record<Severity, DiagnosticSeverity> = {
  high: DiagnosticSeverity.Warning,
  medium: DiagnosticSeverity.Information,
  low: DiagnosticSeverity.Hint,
};

/** Where the quote stands in the open text: its own line first, else the nearest match; null = not in the working file. */
function anchorLine(lines: readonly string[], finding: Finding): number | null {
  const quote = finding.quote.split("\n").map((line) => line.trim());
  const matches = (at: number): boolean => quote.every((line, offset) => lines[at + offset]?.trim() === line);
  const expected = (finding.line ?? 1) - 1;
  for (let distance = 0; distance < lines.length; distance += 1) {
    if (matches(expected - distance)) return expected - distance;
    if (matches(expected + distance)) return expected + distance;
  }
  return null;
}

const indentOf = (text: string): number => text.length - text.trimStart().length;

/** Underlines from the first character that is not blank to the last; `lines` = the open text, else the quote stands for it. */
function toDiagnostic(finding: Finding, run: string, line: number, lines: readonly string[] | undefined): Diagnostic {
  const quote = finding.quote.split("\n");
  const last = line + quote.length - 1;
  return {
    range: {
      start: { line, character: indentOf(lines?.[line] ?? quote[0] ?? "") },
      end: { line: last, character: lines?.[last]?.trimEnd().length ?? 10_000 },
    },
    severity: severityOf[finding.severity],
    source: "Podium",
    code: finding.rule,
    message: [finding.title, finding.claim, finding.trigger && `Trigger: ${finding.trigger}`]
      .filter(Boolean)
      .join("\n"),
    data: { id: finding.id, run },
  };
}

/**
 * The findings of one file as diagnostics; lines from 0. `lines` = the open text: a finding moves with its quote and is
 * left out where the quote is gone.
 */
export function diagnosticsOf(
  findings: readonly Finding[],
  run: string,
  lines: readonly string[] | undefined,
): Diagnostic[] {
  return findings.flatMap((finding) => {
    const line = lines ? anchorLine(lines, finding) : (finding.line ?? 1) - 1;
    return line === null ? [] : [toDiagnostic(finding, run, line, lines)];
  });
}
