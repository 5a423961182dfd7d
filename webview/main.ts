// First, before any schema is made:
import "./no-eval.ts";
import { PodiumPanel } from "./panel.ts";
import { narrowStyles, styles } from "./styles.ts";

const sheet = new CSSStyleSheet();
sheet.replaceSync(styles + narrowStyles);
document.adoptedStyleSheets = [sheet];
customElements.define("podium-panel", PodiumPanel);
