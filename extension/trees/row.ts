import type { CommandId } from "../command-texts.ts";

/** One line of a view as plain data: the views are pure functions from the model to rows. Title at most 28 characters. */
export interface Row {
  /** Stable, so that what is unfolded stays unfolded. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  readonly tooltip?: string;
  readonly icon?: string;
  /** A theme colour of the icon. */
  readonly colour?: string;
  /** `viewItem` of the menus. */
  readonly context?: string;
  readonly click?: { readonly command: CommandId | "podium.location"; readonly argument: unknown };
  readonly children?: readonly Row[] | (() => Promise<readonly Row[]>);
  readonly unfolded?: boolean;
  readonly run?: string;
  readonly workflow?: string;
  readonly file?: string;
}

/** What a view shows besides its rows. */
export interface View {
  readonly rows: readonly Row[];
  readonly description?: string;
  readonly message?: string;
  readonly badge?: { readonly value: number; readonly tooltip: string };
}

export const cut = (text: string, widest = 28): string =>
  text.length <= widest ? text : `${text.slice(0, widest - 1)}…`;
