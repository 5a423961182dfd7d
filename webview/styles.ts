/** Theme variables only, one sheet. Lengths follow the font, so that a zoom moves nothing out of place. */
export const styles = `
:root { --line: var(--vscode-panel-border, var(--vscode-contrastBorder, transparent)); --muted: color-mix(in srgb, var(--vscode-foreground) 76%, var(--vscode-editor-background)); --side: 1.1em }
.vscode-high-contrast { --muted: var(--vscode-descriptionForeground) }
* { box-sizing: border-box }
body { margin: 0; padding: 0; background: var(--vscode-editor-background); color: var(--vscode-foreground); font: var(--vscode-font-size) / 1.5 var(--vscode-font-family) }
podium-panel { display: flex; flex-direction: column; height: 100vh }
h1, h2, h3, p { margin: 0 }
h1 { font-size: 1.08em; font-weight: 600 } h2 { font-size: 1em; font-weight: 600; margin: 1.6em 0 .4em } h2.first { margin-top: 0 }
h3 { display: flex; align-items: center; gap: .4em; min-height: 2em; margin-top: .6em; font-size: 1em; font-weight: normal; color: var(--muted) }
.muted, .note { color: var(--muted) } .note { font-style: italic } .empty { padding: var(--side) } .figure, .number { font-variant-numeric: tabular-nums }
.sr-only { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.patterns { position: absolute }

.banner { display: flex; gap: .6em; align-items: center; padding: .4em var(--side); color: var(--vscode-inputValidation-infoForeground, var(--vscode-foreground)); background: var(--vscode-inputValidation-infoBackground); border-bottom: 1px solid var(--vscode-inputValidation-infoBorder) }
.banner span { flex: 1; overflow-wrap: anywhere }
.banner.problem { color: var(--vscode-inputValidation-errorForeground, var(--vscode-foreground)); background: var(--vscode-inputValidation-errorBackground); border-color: var(--vscode-inputValidation-errorBorder) }
header { display: flex; gap: .2em .8em; align-items: center; padding: .55em var(--side); min-height: 3em }
header .title { flex: 1 1 12em; min-width: 0; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; color: var(--muted) }
.buttons { display: flex; gap: .4em }
.now { display: flex; gap: .6em; align-items: baseline; padding: .4em var(--side); min-height: 2.4em; background: var(--vscode-sideBar-background); border-block: 1px solid var(--line) }
.now .codicon { align-self: center } .now .words { flex: 1; min-width: 0; overflow-wrap: anywhere } .now .figure { color: var(--muted) } .now > .figure { white-space: nowrap }
.now.is-succeeded .codicon, .status-done, .clean .codicon { color: var(--vscode-charts-green) }
.now.is-failed .codicon, .status-failed, .failure > .codicon, .problem > .codicon { color: var(--vscode-errorForeground) }
.now.is-parked .codicon, .status-parked, .ask .codicon-bell-dot { color: var(--vscode-editorWarning-foreground) }
.now.is-running .codicon, .status-running, .doing .codicon { color: var(--vscode-charts-blue) }
.status-pending, .status-ready, .status-skipped { color: var(--muted) }
footer { display: flex; flex-wrap: wrap; gap: .1em 1.4em; padding: .4em var(--side); border-top: 1px solid var(--line); font-size: .92em; font-variant-numeric: tabular-nums }

main { flex: 1; min-height: 0; display: grid; grid-template-columns: minmax(20em, 44%) minmax(0, 1fr) }
.left { min-height: 0; overflow: auto; border-right: 1px solid var(--line); padding: .4em 0 } .left h2 { display: none }
.right { min-height: 0; min-width: 0; display: flex; flex-direction: column }
.body { flex: 1; min-height: 0; padding: 1em var(--side) 1.4em; overflow: auto; overflow-wrap: anywhere }
.body:focus-visible { outline-offset: -2px }

button { font: inherit; color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground, transparent); border: 1px solid var(--vscode-button-secondaryBorder, var(--vscode-button-border, var(--vscode-contrastBorder, transparent))); border-radius: 4px; padding: .15em .8em; min-height: 2em; cursor: pointer }
button:hover { background: var(--vscode-button-secondaryHoverBackground, var(--vscode-button-secondaryBackground)) }
button.primary { color: var(--vscode-button-foreground); background: var(--vscode-button-background); border-color: var(--vscode-button-border, transparent) } button.primary:hover { background: var(--vscode-button-hoverBackground) }
button:disabled { cursor: default; opacity: .6 }
button.icon { background: none; border: none; padding: .2em .35em; min-height: 0; line-height: 1; color: inherit; border-radius: 4px } button.icon:hover { background: var(--vscode-list-hoverBackground) }
button.link { background: none; border: none; border-radius: 2px; padding: 0; min-height: 0; color: var(--vscode-textLink-foreground); text-align: left; overflow-wrap: anywhere } button.link:hover { text-decoration: underline } button.place { text-decoration: underline; text-underline-offset: 2px }
:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: -1px } button:focus-visible, button.link:focus-visible { outline-offset: 1px }
.tabs { display: flex; flex-wrap: wrap; gap: .2em; padding: .3em calc(var(--side) - .6em) 0; border-bottom: 1px solid var(--line) }
.tabs button { background: none; border: none; border-bottom: 2px solid transparent; border-radius: 0; color: var(--muted); padding: .25em .6em } .tabs button:hover { color: var(--vscode-foreground) } .tabs button:focus-visible { outline-offset: -2px }
.tabs button[aria-selected=true] { color: var(--vscode-foreground); border-bottom-color: var(--vscode-panelTitle-activeBorder, var(--vscode-focusBorder)) }
.badge { display: inline-block; min-width: 1.5em; padding: 0 .4em; border-radius: 1em; font-size: .85em; text-align: center; color: var(--vscode-badge-foreground); background: var(--vscode-badge-background); border: 1px solid var(--vscode-contrastBorder, transparent) }

.row { display: grid; grid-template-columns: 1.5em minmax(6em, 1fr) minmax(64px, 36%) 3.2em; gap: .5em; align-items: center; height: 1.9em; padding: 0 var(--side); cursor: pointer }
.row:hover { background: var(--vscode-list-hoverBackground) } .row:focus-visible { outline: 1px solid var(--vscode-list-focusOutline, var(--vscode-focusBorder)); outline-offset: -1px }
.row.selected { color: var(--vscode-list-activeSelectionForeground, inherit); background: var(--vscode-list-activeSelectionBackground) } .row.selected .muted, .row.selected .number { color: inherit }
.vscode-high-contrast .row.selected { outline: 1px dotted var(--vscode-contrastActiveBorder); outline-offset: -1px } .vscode-high-contrast .row.selected:focus-visible { outline-style: solid; outline-width: 2px }
.mark { display: flex; justify-content: center } .row.is-pending .label, .row.is-skipped .label { color: var(--muted) }
.name { display: flex; align-items: center; gap: .4em; min-width: 0; white-space: nowrap } .name .codicon, .name .indent { flex: none; width: 16px; margin: 0 -.2em 0 -.2em } .label { flex: 0 1 auto; overflow: hidden; text-overflow: ellipsis } .name .muted { flex: 1 9 0; min-width: 0; overflow: hidden; text-overflow: ellipsis }
.row.level-2 .name { padding-left: 1em } .row.level-3 .name { padding-left: 2em } .row.level-4 .name { padding-left: 3em } .row.level-5 .name { padding-left: 4em } .row.level-6 .name { padding-left: 5em } .row.level-7 .name { padding-left: 6em }
.row .number { text-align: right; color: var(--muted) }
.cell-bar, .swatch { line-height: 0 } .bar { display: block; width: 100%; height: 10px; border-radius: 2px; background: color-mix(in srgb, var(--vscode-foreground) 7%, transparent) }
.swatch { display: inline-block; width: 10px; height: 10px; margin-right: .5em; flex: none } .swatch .bar { background: none }
.phase-span { fill: color-mix(in srgb, var(--vscode-foreground) 22%, transparent) } .phase-wait { fill: var(--vscode-charts-foreground, var(--vscode-foreground)) } .phase-load { fill: var(--vscode-charts-purple) } .phase-prompt { fill: var(--vscode-charts-blue) } .phase-tokens { fill: var(--vscode-charts-green) } .phase-server { fill: var(--vscode-terminal-ansiCyan) } .phase-tool { fill: var(--vscode-symbolIcon-classForeground) } .phase-you { fill: var(--vscode-charts-yellow) }
.hatch { fill: none; stroke: var(--vscode-editor-background); stroke-opacity: .75 } .dot { fill: var(--vscode-editor-background) } .vscode-high-contrast .hatch { stroke-opacity: 1 }
.vscode-high-contrast .cell-bar .bar { outline: 1px solid color-mix(in srgb, var(--vscode-foreground) 35%, transparent) }
.legend { display: flex; flex-wrap: wrap; gap: .2em 1em; padding: .9em var(--side); font-size: .92em } .legend > span { display: inline-flex; align-items: center }

.result > :first-child, .draft > :first-child { margin-top: 0 } .answer { white-space: pre-wrap; max-width: 72ch; margin-bottom: .7em } .answer.heading { font-weight: 600; margin-top: 1.1em }
.answer.item { display: flex; gap: .6em; margin-bottom: .3em } .answer.item.level-1 { padding-left: 1.4em } .answer.item.level-2 { padding-left: 2.8em } .answer.item.level-3 { padding-left: 4.2em } .answer.item > :last-child { flex: 1; min-width: 0 } .bullet { min-width: .8em; text-align: right; color: var(--muted) }
.cite { font-variant-numeric: tabular-nums } .tools { float: right; margin: -.2em -.35em 0 .6em }
code { font-family: var(--vscode-editor-font-family); font-size: .95em; color: var(--vscode-textPreformat-foreground); background: var(--vscode-textPreformat-background); border: 1px solid var(--vscode-textPreformat-border, transparent); border-radius: 3px; padding: 0 .3em }
pre { max-height: 60vh; overflow: auto; margin: .35em 0; padding: .5em .7em; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--vscode-foreground); background: var(--vscode-textCodeBlock-background); border: 1px solid var(--vscode-contrastBorder, transparent); border-radius: 3px; font: var(--vscode-editor-font-size) / 1.45 var(--vscode-editor-font-family) }
.sources { list-style: none; margin: 0; padding: 0 } .sources li { margin-bottom: .8em } .sources pre { max-height: 14em }
.plain { list-style: none; margin: 0; padding: 0 } .finding { display: flex; gap: .6em; padding: .5em 0 .7em; max-width: 80ch } .finding + .finding { border-top: 1px solid var(--line) } .finding > .codicon { padding-top: .15em } .finding > div { flex: 1; min-width: 0 } .finding .title { font-weight: 600 }
.severity-high { color: var(--vscode-editorWarning-foreground) } .severity-medium { color: var(--vscode-editorInfo-foreground, var(--vscode-charts-blue)) } .severity-low { color: var(--muted) }
.clean { display: flex; align-items: center; gap: .5em; font-weight: 600 }
.doing { list-style: none; margin: 0 0 1em; padding: 0 } .doing li { display: flex; flex-wrap: wrap; gap: 0 .6em; align-items: center; min-height: 1.9em } .doing .figure { color: var(--muted) }
.draft { border-left: 2px solid var(--vscode-progressBar-background); padding-left: .8em; margin: .4em 0 1em } .draft > * { content-visibility: auto; contain-intrinsic-size: auto 1.5em }
.failure { display: flex; gap: .6em; margin: .4em 0 1em; padding: .5em .7em; border: 1px solid var(--vscode-inputValidation-errorBorder); border-left-width: 4px; border-radius: 3px; overflow-wrap: anywhere; max-width: 80ch } .failure > div { flex: 1; min-width: 0 } .failure > .codicon { padding-top: .2em }
.ask h2 { display: flex; gap: .5em; align-items: center } .ask { margin: 0 0 1.2em; padding: .7em .9em .9em; border: 1px solid var(--vscode-editorWarning-foreground); border-left-width: 4px; border-radius: 4px; max-width: 80ch } .choices { display: flex; flex-wrap: wrap; align-items: center; gap: .5em; margin-top: .7em }
textarea, input { font: inherit; color: var(--vscode-input-foreground); background: var(--vscode-input-background); border: 1px solid var(--vscode-input-border, var(--vscode-contrastBorder, transparent)); border-radius: 4px; padding: .3em .6em } input::placeholder { color: var(--vscode-input-placeholderForeground); opacity: 1 } textarea { width: 100%; resize: vertical; font-family: var(--vscode-editor-font-family) }
.follow { display: flex; gap: .5em; padding: .7em var(--side); border-top: 1px solid var(--line) } .follow input { flex: 1; min-width: 0; min-height: 2em }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1em; margin: .6em 0 1em } dt { color: var(--muted) } dd { margin: 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } th { text-align: left; font-weight: normal; color: var(--muted) } td, th { padding: .1em 1.2em .1em 0; vertical-align: top } .number { text-align: right } .events { width: 100%; table-layout: fixed } .events th:nth-child(1) { width: 4em } .events th:nth-child(2) { width: 6em } .events td { overflow-wrap: anywhere }
.facts { max-width: 40em } .facts table { width: 100%; margin-top: .5em } .facts td:last-child { padding-right: 0; width: 4em } .facts td:first-child .swatch { vertical-align: 0 } .facts tr { color: var(--muted) }
summary { cursor: pointer; margin-top: 1em } details > :not(summary) { margin-left: 1em }
`;

/** Narrow or low windows: one column, the result first, the page itself scrolls. */
export const narrowStyles = `
@media (max-width: 720px), (max-height: 420px) {
  podium-panel { height: auto; min-height: 100vh } .now { position: sticky; top: 0; z-index: 1 }
  main { flex: 1 0 auto; display: flex; flex-direction: column } .left, .right, .body { overflow: visible; flex: none }
  .left { border-right: none; border-top: 1px solid var(--line) } .left h2 { display: block; margin: .5em var(--side) .3em } .row { grid-template-columns: 1.5em minmax(0, 1fr) 64px 3.2em }
  footer { margin-top: auto }
}
@media (max-width: 420px) { header { flex-wrap: wrap } .row { grid-template-columns: 1.5em minmax(0, 1fr) 3.2em } .cell-bar { display: none } .now { flex-wrap: wrap } }
@media (prefers-reduced-motion: reduce) { .codicon-modifier-spin, .codicon-modifier-spin::before { animation: none !important } }
@media (forced-colors: active) {
  .bar { forced-color-adjust: none; border: 1px solid CanvasText; background: Canvas } [class^="phase-"] { fill: CanvasText } .hatch { stroke: Canvas; stroke-opacity: 1 } .dot { fill: Canvas }
  .row.selected { forced-color-adjust: none; color: HighlightText; background: Highlight } .tabs button[aria-selected=true] { border-bottom-color: Highlight }
}
`;
