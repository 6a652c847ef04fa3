// The projects that `fedstratus init` can begin with, by name.

export const TEMPLATE_NAMES = ["images", "tabular", "text", "blank"] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

/** What each is for, in a few words. */
export const TEMPLATE_ABOUT: Readonly<Record<TemplateName, string>> = {
  images: "pictures, a folder a class",
  tabular: "rows of tables, such as CSV files",
  text: "plain text, of which the next character is predicted",
  blank: "the smallest spec, for data and a model of your own",
};
