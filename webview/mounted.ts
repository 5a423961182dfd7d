/** The part of a long list that is mounted: rows `from` to `to`, exclusive. */
export interface Mounted {
  readonly from: number;
  readonly to: number;
}

const small = 100;
const beyond = 20;

/** Which rows of a list are mounted: all of a short one, else those on the screen and 20 beyond, or around `wanted`. */
export function mountedRows(
  count: number,
  place: { readonly top: number; readonly height: number; readonly row: number },
  wanted: number,
): Mounted {
  if (count <= small || place.row <= 0) return { from: 0, to: Math.min(count, small) };
  const first = Math.floor(-place.top / place.row);
  const onScreen = Math.ceil(place.height / place.row);
  const isNear = wanted < 0 || (wanted >= first - beyond && wanted < first + onScreen + beyond);
  const start = isNear ? first : wanted - Math.floor(onScreen / 2);
  const from = Math.max(0, Math.min(count - onScreen, start) - beyond);
  return { from, to: Math.min(count, from + onScreen + 2 * beyond) };
}
