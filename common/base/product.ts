/** What the program says of itself. The version is checked against package.json by a test. */
export const VERSION = '0.1.0';
export const CLIENT_NAME = `Shoal ${VERSION}`;
/** Start of every peer id (BEP 20): two letters and four digits of version. */
export const PEER_ID_PREFIX = '-SH0100-';
