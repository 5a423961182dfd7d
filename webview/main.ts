import { PodiumPanel } from "./panel.ts";
import { styles } from "./styles.ts";

const sheet = new CSSStyleSheet();
sheet.replaceSync(styles);
document.adoptedStyleSheets = [sheet];
customElements.define("podium-panel", PodiumPanel);
