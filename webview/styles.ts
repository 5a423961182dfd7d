/** Theme variables only; phases differ by colour and by height, so that colour is never alone. */
export const styles = `
* { box-sizing: border-box }
body { margin: 0; padding: 0; background: var(--vscode-editor-background); color: var(--vscode-foreground); font: var(--vscode-font-size) / 1.5 var(--vscode-font-family) }
podium-panel { display: flex; flex-direction: column; height: 100vh }
h1 { font-size: 1.05em; margin: 0 } h2 { font-size: 1em; margin: 1.2em 0 .3em } h3 { font-size: .95em; margin: .8em 0 .2em; font-weight: normal; color: var(--vscode-descriptionForeground) }
header, .now, footer, .banner { padding: 6px 14px; display: flex; gap: 10px; align-items: center; flex-wrap: wrap }
header { border-bottom: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent)) }
header .muted { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 60% }
.grow { flex: 1 } .muted { color: var(--vscode-descriptionForeground) } .empty { padding: 14px }
.now { background: var(--vscode-sideBar-background); min-height: 32px }
.banner { background: var(--vscode-inputValidation-infoBackground); border: 1px solid var(--vscode-inputValidation-infoBorder) }
main { flex: 1; min-height: 0; display: grid; grid-template-columns: minmax(300px, 44%) 1fr }
.left, .right { min-height: 0; overflow: auto } .left { border-right: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent)) }
.right { display: flex; flex-direction: column } .body { padding: 4px 16px 16px; overflow: auto; flex: 1; overflow-wrap: anywhere }
footer { border-top: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent)); font-size: .92em; gap: 16px }
button { font: inherit; color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); border: 1px solid var(--vscode-button-border, var(--vscode-contrastBorder, transparent)); border-radius: 3px; padding: 2px 10px; cursor: pointer }
button.primary, .follow button { color: var(--vscode-button-foreground); background: var(--vscode-button-background) }
button:focus-visible, [tabindex]:focus-visible, input:focus-visible, summary:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: -1px }
button.link { background: none; border: none; padding: 0; color: var(--vscode-textLink-foreground); text-align: left } button.link:hover { text-decoration: underline }
.tabs { display: flex; gap: 4px; padding: 4px 12px 0; border-bottom: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent)) }
.tabs button { background: none; border: none; border-bottom: 2px solid transparent; border-radius: 0; color: var(--vscode-descriptionForeground); padding: 4px 8px }
.tabs button[aria-selected=true] { color: var(--vscode-foreground); border-bottom-color: var(--vscode-panelTitle-activeBorder, var(--vscode-focusBorder)) }
.row { display: grid; grid-template-columns: 22px minmax(80px, 1fr) minmax(64px, 38%) 44px; gap: 6px; align-items: center; padding: 2px 10px; cursor: pointer; min-height: 24px }
.row:hover { background: var(--vscode-list-hoverBackground) }
.row.selected { background: var(--vscode-list-activeSelectionBackground); color: var(--vscode-list-activeSelectionForeground) } .row.selected .muted, .row.selected .number { color: inherit }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.level-2 .name { padding-left: 14px } .level-3 .name { padding-left: 28px } .level-4 .name { padding-left: 42px } .level-5 .name { padding-left: 56px } .level-6 .name { padding-left: 70px }
.mark { text-align: center } .status-done { color: var(--vscode-testing-iconPassed) } .status-failed { color: var(--vscode-errorForeground) } .status-parked { color: var(--vscode-editorWarning-foreground) }
.cell-bar { line-height: 0 } .bar { width: 100%; height: 10px; background: var(--vscode-editorWidget-background) } .swatch { width: 10px; height: 10px; margin: 0 4px 0 10px }
.phase-wait { fill: var(--vscode-disabledForeground) } .phase-load { fill: var(--vscode-charts-purple) } .phase-prompt { fill: var(--vscode-charts-blue) } .phase-tokens { fill: var(--vscode-charts-green) } .phase-tool { fill: var(--vscode-charts-orange) } .phase-you { fill: var(--vscode-charts-yellow) }
.legend { padding: 10px } .number { text-align: right; font-variant-numeric: tabular-nums; color: var(--vscode-descriptionForeground) }
.answer { white-space: pre-wrap; max-width: 75ch } .note { color: var(--vscode-descriptionForeground); font-style: italic } .clean { color: var(--vscode-testing-iconPassed) }
ul.plain { list-style: none; padding: 0; margin: 0 } .finding { padding: 6px 0 10px }
.severity-high { color: var(--vscode-editorWarning-foreground); font-weight: bold } .severity-medium { color: var(--vscode-editorInfo-foreground); font-weight: bold }
pre { background: var(--vscode-textCodeBlock-background); padding: 6px 8px; margin: 4px 0; white-space: pre-wrap; font: var(--vscode-editor-font-size) / 1.4 var(--vscode-editor-font-family) }
.failure { color: var(--vscode-errorForeground); margin: 8px 0 } .failure .muted { color: var(--vscode-descriptionForeground) }
.ask { border: 1px solid var(--vscode-editorWarning-foreground); padding: 4px 12px 10px; margin: 10px 0; border-radius: 3px }
.follow { display: flex; gap: 6px; margin-top: 16px; max-width: 75ch } input { flex: 1; font: inherit; color: var(--vscode-input-foreground); background: var(--vscode-input-background); border: 1px solid var(--vscode-input-border, var(--vscode-contrastBorder, transparent)); padding: 3px 6px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 10px 0 } dt { color: var(--vscode-descriptionForeground) } dd { margin: 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums } th { text-align: left; font-weight: normal; color: var(--vscode-descriptionForeground) } td, th { padding: 1px 8px }
summary { cursor: pointer; margin-top: 10px }
@media (max-width: 720px) {
  main { display: flex; flex-direction: column-reverse; overflow: auto } .left, .right { overflow: visible; flex: none } .left { border-right: none; border-top: 1px solid var(--vscode-panel-border, var(--vscode-contrastBorder, transparent)) }
  .row { grid-template-columns: 22px 1fr 64px 44px }
}
@media (prefers-reduced-motion: reduce) { .codicon-modifier-spin { animation: none !important } }
`;
