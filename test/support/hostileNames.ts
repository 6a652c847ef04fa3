// Names that mean something to JavaScript's objects: whatever is keyed by words from outside must take them
// as words.

export const hostileNames = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "toLocaleString",
  "valueOf",
  "hasOwnProperty",
  "isPrototypeOf",
  "propertyIsEnumerable",
  "__defineGetter__",
  "__defineSetter__",
  "__lookupGetter__",
  "__lookupSetter__",
  "then",
  "toJSON",
  "length",
  "name",
  "0",
  "-1",
  "1e3",
  "null",
  "undefined",
] as const;
