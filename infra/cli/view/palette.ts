// Colours by what they mean, so that every view paints the same thing alike.
import pc from "picocolors";

type Paint = (text: string) => string;

export interface Palette {
  readonly title: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly active: Paint;
  readonly warn: Paint;
  readonly bad: Paint;
}

/** With `color` false every paint returns its text as it is. */
export function paletteOf(color: boolean): Palette {
  const { bold, dim, green, cyan, yellow, red } = pc.createColors(color);
  return { title: bold, faint: dim, good: green, active: cyan, warn: yellow, bad: red };
}
