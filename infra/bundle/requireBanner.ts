// The first line of each file of a bundle.

/** Packages in the form of CommonJS ask for Node's modules by `require`, which a module does not have. */
export const requireBanner = {
  js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url), __dirname = import.meta.dirname;',
};
