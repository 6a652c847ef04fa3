// Which release this is: what package.json says, for functions, which do not have that file.

export const RELEASE = "0.1.0";
