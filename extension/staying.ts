/**
 * For inputs that stay when the focus goes elsewhere: the palette or list before them gives the focus back late, often to a
 * panel, and that would close them; and looking at code loses no half-given answer. Escape closes them.
 */
export const staying = { ignoreFocusOut: true };
