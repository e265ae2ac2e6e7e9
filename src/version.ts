// The version, as package.json states it (a test compares them): read without a file system, so in browsers too.

/** The version of qloom. */
export const version = "0.1.0";
